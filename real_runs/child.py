"""The other side of :mod:`children`: the process that runs a program for real, recorded or measured, as a job says.

It is the only place that runs a target for real. The program's streams, exit and failures stay the program's own;
what the parent wants to know goes through the answer pipe.
"""

from __future__ import annotations

import _thread
import atexit
import concurrent.futures.thread
import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..simcore.target import Target, TargetError, check_parameters, parse_target
from ..simcore.trace import NOTHING, Header, Op
from .machine import busy_seconds

INTERNAL = 3
"""The exit code after a fault of ours."""
QUIET_LOOKS = 5
"""In how many looks in a row (0.1 s apart) all threads must be blocked, with no event between, to call it a deadlock.

A thread that was woken but has not run yet looks blocked, too; that it is passed over five times while the writer's
thread runs each time does not happen by chance.
"""


class _Answers:
    """The pipe to the parent."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._lock = _thread.allocate_lock()

    def send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        # A parent that has gone wants no answer.
        with self._lock, contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._fd, data) :]


def _prepare(job: dict[str, Any], answers: _Answers) -> Target | None:
    """The target, ready to run; None after the parent was told why not."""
    try:
        target = parse_target(job["target"], job.get("argv", ()))
        target.prepare(_instrument(job))
    except TargetError as error:
        answers.send({"status": "usage", "message": str(error)})
        return None
    return target


def _instrument(job: dict[str, Any]) -> Any:
    """What to rewrite, so that accesses to shared variables are seen; None for nothing."""
    if not job.get("accesses"):
        return None
    from ..simcore.instrument import Instrument

    return Instrument(tuple(job.get("instrument", ())))


# Recording.


class _Recorded:
    """One recorded run: the program in the main thread, the writer's thread looking after it."""

    def __init__(self, job: dict[str, Any], answers: _Answers, target: Target) -> None:
        # Only now: these modules keep the real threading primitives, and numpy must not load while the program runs.
        import numpy as np

        from . import log
        from .machine import describe
        from .recorded.takeover import recording
        from .recorded.thread import note_failure

        np.zeros(1)
        self.answers = answers
        self.target = target
        self.parameters: dict[str, Any] = job["parameters"]
        self.note_failure = note_failure
        self.recording = recording
        header = Header(
            target=job["target"],
            world="real",
            weft=job["weft"],
            parameters=self.parameters,
            profile=describe(),
        )
        self.recorder = log.Recorder(job["output"], header)
        self.accesses = bool(job.get("accesses"))
        self.notes: Callable[[], list[str]] = list
        self.now = log.now
        self.limit_ns = int(job["timeout_seconds"] * 1e9)
        self.deadline_ns = 0
        self.answered = False
        self.status = "finished"
        self.exit_code = 0
        self.failure = ""
        self._lasting = contextlib.ExitStack()
        self._finishing = _thread.allocate_lock()
        self._quiet = 0
        self._seen = -1

    def run(self) -> int:
        recorder = self.recorder
        main = recorder.main
        row = 0  # the main thread's object
        atexit.register(self.finish)
        # Entered and never left: threads that outlive the main one are recorded to their end.
        self._lasting.enter_context(self.recording(recorder))
        if self.accesses:
            from .accesses import Accesses, note_looks

            note_looks()
            accesses = Accesses(recorder)
            accesses.install()
            self.notes = accesses.notes
        self.deadline_ns = self.now() + self.limit_ns
        recorder.start_writer(self.look)
        main.add((main.index, Op.BEGIN, 0, row, NOTHING, NOTHING, self.now()))
        try:
            self.target.run(self.parameters)
        except TargetError as error:
            self.status, self.exit_code, self.failure = "usage", 2, str(error)
        except SystemExit as error:
            self.exit_code = _exit_code(error)
        except BaseException as error:
            self.status, self.exit_code = "failed", 1
            self.failure = f"{type(error).__name__}: {error}"
            self.note_failure(recorder, main, row, error)
            _print_failure(error)
        main.add((main.index, Op.END, 0, row, NOTHING, NOTHING, self.now()))
        main.ended = True
        return self.exit_code

    def look(self) -> None:
        """Called by the writer's thread after every flush: is the time up, is everything stuck?"""
        if self.answered:
            return
        if self.now() > self.deadline_ns:
            self.stop("timeout")
        seen = self.recorder.pending()
        if seen == self._seen and self.recorder.stuck() and not _signals_expected():
            self._quiet += 1
            if self._quiet >= QUIET_LOOKS:
                self.stop("deadlock")
        else:
            self._quiet = 0
        self._seen = seen

    def stop(self, status: str) -> None:
        """End the process from outside its threads, with everything written."""
        self.status = status
        self.finish()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)

    def finish(self) -> None:
        """Write the rest, and tell the parent how it ended; the first call counts."""
        if not self.recorder.ours():
            return
        with self._finishing:
            if not self.answered:
                self.answered = True
                try:
                    self._finish()
                except BaseException:
                    self.answers.send(_internal())

    def _finish(self) -> None:
        roots = [variables for _, variables in self.target.names()]
        roots += self.recorder.variables(sys._current_frames().values())
        self.recorder.look_for_names(roots)
        self.recorder.close()
        self.answers.send(
            {
                "status": self.status,
                "exit_code": self.exit_code,
                "message": self.failure,
                "names": {str(index): name for index, name in self.recorder.final_names().items()},
                "notes": self.notes(),
            }
        )

    def run_or_explain(self) -> int:
        """:meth:`run`; a fault of ours, before the program started or after it ended, is not the program's end."""
        try:
            return self.run()
        except BaseException:
            with self._finishing:
                self.answered = True
            self.answers.send(_internal())
            return INTERNAL


def _internal() -> dict[str, Any]:
    """The answer when something of ours failed."""
    return {"status": "internal", "message": traceback.format_exc()}


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return 1


def _print_failure(error: BaseException) -> None:
    """The traceback that the interpreter would print, without our own frames at its outer end."""
    from ..simcore.recorder import failure_lines

    sys.stderr.write("\n".join(failure_lines(error)) + "\n")


def _signals_expected() -> bool:
    """Has the program a signal handler that could wake a blocked main thread?"""
    numbers = signal.valid_signals() - {signal.SIGINT}
    return any(callable(signal.getsignal(number)) for number in numbers)


# Measuring.


class _ThreadDelays:
    """Adds up what the program's threads waited for a processor, also of threads that have ended by the time we ask.

    ``/proc/self/task/N/schedstat`` holds CPU time, run delay and time slices of a thread (Linux,
    Documentation/scheduler/sched-stats.rst); it goes with the thread, so each reads its own at its end.
    """

    THREADS_MAX = 256
    """Reading takes some 10 us; a program with more threads than this gets no delay rather than a distorted time."""

    def __init__(self) -> None:
        self.ended_ns = 0
        self.started = 0
        self._lock = _thread.allocate_lock()
        self._start = threading.Thread.start
        delays = self

        def start(thread: threading.Thread) -> None:
            delays.started += 1
            replaced = vars(thread).get("run")

            def run() -> None:
                if replaced is None:
                    del thread.run
                else:
                    thread.run = replaced
                try:
                    thread.run()
                finally:
                    delays.thread_ends()

            if delays.started <= delays.THREADS_MAX and thread.ident is None:
                thread.run = run
            delays._start(thread)

        setattr(threading.Thread, "start", start)  # noqa: B010 - the stubs want the parameter called self

    def thread_ends(self) -> None:
        delay = _run_delay(f"/proc/self/task/{_thread.get_native_id()}/schedstat")
        with self._lock:
            self.ended_ns += delay

    def reset(self) -> None:
        self.started = 0
        self.ended_ns = 0

    def total_ns(self) -> int | None:
        """The delays of the threads that live, plus those of the ended; None when it could not be counted."""
        if self.started > self.THREADS_MAX:
            return None
        try:
            living = os.listdir("/proc/self/task")
            return self.ended_ns + sum(_run_delay(f"/proc/self/task/{task}/schedstat") for task in living)
        except OSError:
            return None


def _run_delay(path: str) -> int:
    with open(path, "rb") as file:
        return int(file.read().split()[1])


def _pin(cores: list[int]) -> None:
    """Restrict every thread of this process, those of libraries too, to these processors."""
    for task in os.listdir("/proc/self/task"):
        # A thread that has just ended needs no place.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cores)


def _measure(job: dict[str, Any], answers: _Answers, target: Target) -> int:
    """Run the target as often as commanded; one answer a run."""
    delays = _ThreadDelays()
    answers.send({"status": "ready"})
    with os.fdopen(job["command_fd"], "r", encoding="utf-8") as commands:
        for line in commands:
            command: dict[str, Any] = json.loads(line)
            answers.send(_one_run(target, command, delays))
    return 0


def _one_run(target: Target, command: dict[str, Any], delays: _ThreadDelays) -> dict[str, Any]:
    _pin(command["cores"])
    before_threads = set(threading.enumerate())
    parameters: dict[str, Any] = command["parameters"]
    try:
        function = target.load()
        check_parameters(target.function or target.text, function, parameters)
        delays.reset()
        delay_before = delays.total_ns()
        busy_before = busy_seconds()
        cpu_before = time.process_time_ns()
        begin = time.perf_counter_ns()
        function(**parameters)
        _join_new(before_threads)
        wall = time.perf_counter_ns() - begin
        cpu = time.process_time_ns() - cpu_before
        busy_after = busy_seconds()
        delay_after = delays.total_ns()
    except TargetError as error:
        return {"status": "usage", "message": str(error)}
    except SystemExit as error:
        return {"status": "failed", "message": f"the program called sys.exit({error.code!r})"}
    except BaseException as error:
        lines = traceback.format_exception_only(error)
        return {"status": "failed", "message": lines[-1].strip()}
    delay = None if delay_before is None or delay_after is None else max(delay_after - delay_before, 0)
    return {
        "status": "ok",
        "wall_ns": wall,
        "cpu_ns": cpu,
        "run_delay_ns": delay,
        "others_ns": None if busy_before is None or busy_after is None else _others_ns(busy_after - busy_before, cpu),
        "threads": delays.started + 1,
        "left_over": len(set(threading.enumerate()) - before_threads),
    }


def _others_ns(busy_seconds: float, own_ns: int) -> int:
    """Processor time that went to other programs; the kernel counts the machine's in steps, so it may come out below 0."""
    return max(int(busy_seconds * 1e9) - own_ns, 0)


def _join_new(before: set[threading.Thread]) -> None:
    """A run is over when its threads are, as at the end of a process.

    Daemons do not count, nor do workers of a pool that was never shut down: they would wait for ever here.
    """
    worker = getattr(concurrent.futures.thread, "_worker", None)
    for thread in threading.enumerate():
        if thread not in before and not thread.daemon and getattr(thread, "_target", None) is not worker:
            thread.join()


def main() -> int:
    job: dict[str, Any] = json.loads(sys.argv[1])
    answers = _Answers(job["answer_fd"])
    if sys.path[-1] == sys.argv[2]:
        sys.path.pop()  # we are loaded; the program finds what it finds without us
    sys.argv = [job["target"], *job.get("argv", ())]
    if job["kind"] == "measure":
        target = _prepare(job, answers)
        return 2 if target is None else _measure(job, answers, target)
    try:
        target = _prepare(job, answers)
        recorded = None if target is None else _Recorded(job, answers, target)
    except BaseException:
        answers.send(_internal())
        return INTERNAL
    return 2 if recorded is None else recorded.run_or_explain()
