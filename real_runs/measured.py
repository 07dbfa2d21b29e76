"""The measured process: runs a target as often as it is told, and answers what each run took.

It needs the standard library and weft's own pure-Python rooms only, so that any interpreter can do it; what counts as
disturbed, and what the times mean, is for the parent.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import contextlib
import json
import os
import threading
import time
import traceback
from typing import Any

from ..simcore.target import Target, TargetError, check_parameters
from .answers import Answers
from .machine import processor_seconds, runnable_others


def serve(job: dict[str, Any], answers: Answers, target: Target) -> int:
    """Run the target whenever commanded; one answer a run."""
    threads = _Threads()
    answers.send({"status": "ready"})
    with os.fdopen(job["command_fd"], "r", encoding="utf-8") as commands:
        for line in commands:
            command: dict[str, Any] = json.loads(line)
            answers.send(_one_run(target, command, threads))
    return 0


class _Threads:
    """Pins the program's threads as they begin, and adds up what the kernel counted for them by their end.

    ``/proc/self/task/N/schedstat`` holds CPU time, run delay and time slices of a thread (Linux,
    Documentation/scheduler/sched-stats.rst); it goes with the thread, so each reads its own at its end.
    """

    THREADS_MAX = 256
    """Reading takes some 10 us; a program with more threads than this gets no delay rather than a distorted time."""

    def __init__(self) -> None:
        self.started = 0
        self.pins: list[int] = []
        """The processor of each thread in the order they are started, round and round; empty: none is pinned."""
        self._ended_ns = [0, 0]
        self._lived_ns = 0
        self._lock = _thread.allocate_lock()
        self._start = threading.Thread.start
        ours = self

        def start(thread: threading.Thread) -> None:
            number = ours.started
            ours.started += 1
            replaced = vars(thread).get("run")

            def run() -> None:
                if replaced is None:
                    del thread.run
                else:
                    thread.run = replaced
                begin_ns = time.perf_counter_ns()
                if ours.pins:
                    os.sched_setaffinity(_thread.get_native_id(), [ours.pins[number % len(ours.pins)]])
                try:
                    thread.run()
                finally:
                    ours._ends(begin_ns)

            if ours.started <= ours.THREADS_MAX and thread.ident is None:
                thread.run = run
            ours._start(thread)

        setattr(threading.Thread, "start", start)  # noqa: B010 - the stubs want the parameter called self

    def _ends(self, begin_ns: int) -> None:
        spent = _schedule_ns(f"/proc/self/task/{_thread.get_native_id()}/schedstat")
        lived_ns = time.perf_counter_ns() - begin_ns
        with self._lock:
            self._lived_ns += lived_ns
            for position, value in enumerate(spent):
                self._ended_ns[position] += value

    def reset(self, pins: list[int]) -> None:
        self.started = self._lived_ns = 0
        self._ended_ns = [0, 0]
        self.pins = pins

    def delay_ns(self) -> int | None:
        """How long threads waited for a processor: those that live, and those that ended; None: it was not counted."""
        if self.started > self.THREADS_MAX:
            return None
        try:
            living = os.listdir("/proc/self/task")
            return self._ended_ns[1] + sum(_schedule_ns(f"/proc/self/task/{task}/schedstat")[1] for task in living)
        except OSError:
            return None

    def spent_ns(self, main: tuple[int, int] | None, wall_ns: int) -> dict[str, int] | None:
        """The time of the calling thread (``main``, in ``wall_ns``) and of those that ended, by state."""
        if main is None or self.started > self.THREADS_MAX:
            return None
        running, ready = main[0] + self._ended_ns[0], main[1] + self._ended_ns[1]
        return {
            "running": running,
            "ready": ready,
            "waiting": max(wall_ns + self._lived_ns - running - ready, 0),
        }


def _schedule_ns(path: str) -> tuple[int, int]:
    """A thread's CPU time and run delay."""
    with open(path, "rb") as file:
        running, ready, _ = file.read().split()
    return int(running), int(ready)


def _own_schedule_ns() -> tuple[int, int] | None:
    try:
        return _schedule_ns(f"/proc/self/task/{_thread.get_native_id()}/schedstat")
    except (OSError, ValueError):
        return None


def _confine(cores: list[int]) -> None:
    """Restrict every thread of this process, those of libraries too, to these processors."""
    for task in os.listdir("/proc/self/task"):
        # A thread that has just ended needs no place.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cores)


def _one_run(target: Target, command: dict[str, Any], threads: _Threads) -> dict[str, Any]:
    _confine(command["cores"])
    before_threads = set(threading.enumerate())
    parameters: dict[str, Any] = command["parameters"]
    try:
        function = target.load()
        check_parameters(target.function or target.text, function, parameters)
        threads.reset(command["cores"] if command.get("pinned") else [])
        runnable = runnable_others()
        delay_before = threads.delay_ns()
        machine_before = processor_seconds()
        main_before = _own_schedule_ns()
        cpu_before = time.process_time_ns()
        begin = time.perf_counter_ns()
        function(**parameters)
        _join_new(before_threads)
        wall = time.perf_counter_ns() - begin
        cpu = time.process_time_ns() - cpu_before
        main_after = _own_schedule_ns()
        machine_after = processor_seconds()
        delay_after = threads.delay_ns()
    except TargetError as error:
        return {"status": "usage", "message": str(error)}
    except SystemExit as error:
        return {"status": "failed", "message": f"the program called sys.exit({error.code!r})"}
    except BaseException as error:
        lines = traceback.format_exception_only(error)
        return {"status": "failed", "message": lines[-1].strip()}
    others = stolen = delay = main = None
    if machine_before is not None and machine_after is not None:
        stolen = round((machine_after[1] - machine_before[1]) * 1e9)
        others = max(round((machine_after[0] - machine_before[0]) * 1e9) - cpu, 0)
    if delay_before is not None and delay_after is not None:
        delay = max(delay_after - delay_before, 0)
    if main_before is not None and main_after is not None:
        main = (main_after[0] - main_before[0], main_after[1] - main_before[1])
    return {
        "status": "ok",
        "wall_ns": wall,
        "cpu_ns": cpu,
        "run_delay_ns": delay,
        "others_ns": others,
        "stolen_ns": stolen,
        "runnable_others": runnable,
        "spent_ns": threads.spent_ns(main, wall),
        "threads": threads.started + 1,
        "left_over": len(set(threading.enumerate()) - before_threads),
    }


def _join_new(before: set[threading.Thread]) -> None:
    """A run is over when its threads are, as at the end of a process.

    Daemons do not count, nor do workers of a pool that was never shut down: they would wait for ever here.
    """
    worker = getattr(concurrent.futures.thread, "_worker", None)
    for thread in threading.enumerate():
        if thread not in before and not thread.daemon and getattr(thread, "_target", None) is not worker:
            thread.join()
