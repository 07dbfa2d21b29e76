"""Runs tests of CPython's installed ``test`` package as programs in one of weft's worlds; one JSON line a result.

A process of its own, since the takeover must come before the test modules are imported and a test may hang; which
tests are expected to fail is not known here.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import random
import sys
import tempfile
import time
import traceback
import types
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

SEEDS = (None, 1, 2, 3)
"""Schedules of the explored world: first come, first served, then at random."""
LONG_STEPS = 5_000
"""A test of more steps is run in the first two schedules only: fifty threads on one queue meet in every way in each."""
MAX_STEPS = 400_000
MAX_VIRTUAL_SECONDS = 3_600.0
PATIENCE_S = 1.0
"""How long real threads are waited for that never stay where they are: some look again and again."""


def main() -> None:
    job = json.loads(sys.stdin.read())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)

    def send(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    stacks = open(job["stack_file"], "w") if job.get("stack_file") else None  # noqa: SIM115 - until the process ends
    with ExitStack() as lasting:
        run = WORLDS[job["world"]](lasting)
        cases = {name: case for suite in job["suites"] for name, case in _cases(suite, job["world"])}
        gc.collect()
        gc.freeze()  # the tests collect garbage a thousand times; what was imported is none
        if job["tests"] is None:
            send(tests=list(cases))
            out.close()
            os._exit(0)
        for name in job["tests"]:
            send(begin=name)
            if stacks is not None:
                stacks.seek(0)
                stacks.truncate()
                faulthandler.dump_traceback_later(job["limit_s"], exit=True, file=stacks)
            status, detail = run(cases[name])
            faulthandler.cancel_dump_traceback_later()
            send(end=name, status=status, detail=detail)
        send(over=True)
    out.close()
    os._exit(0)  # threads that a test left behind must not keep us


# The tests.

Case = Callable[[], unittest.TestCase]


def _cases(suite: dict[str, Any], world: str) -> Iterator[tuple[str, Case]]:
    """The test methods of a suite's classes, by name; a case makes a new TestCase object."""
    found: set[str] = set()
    for module_name in suite["modules"]:
        try:
            module = importlib.import_module(module_name)
        except unittest.SkipTest:
            continue
        classes = vars(module)
        if hasattr(module, "install_tests_in_module_dict"):  # it makes them, for processes and for threads
            classes = {"__name__": module_name}
            module.install_tests_in_module_dict(classes, "fork")
        for class_name, made in sorted(classes.items()):
            if not (isinstance(made, type) and issubclass(made, unittest.TestCase)):
                continue
            if made.__module__ != module_name or class_name in found:
                continue
            if any(class_name.startswith(prefix) for prefix in suite["classes"]) == suite["except"]:
                continue
            found.add(class_name)
            for method in unittest.defaultTestLoader.getTestCaseNames(made):
                yield f"{suite['name']}:{class_name}.{method}", _case(made, method)


def _case(made: type[unittest.TestCase], method: str) -> Case:
    return lambda: made(method)


class _Result(unittest.TestResult):
    """What one test came to."""

    def verdict(self) -> tuple[str, str]:
        for problems in (self.errors, self.failures):
            if problems:
                return "failed", problems[0][1]
        if self.unexpectedSuccesses:
            return "failed", "unexpected success"
        if self.skipped and not self.testsRun - len(self.skipped):
            return "skipped", self.skipped[0][1]
        return "passed", ""


def _run(case: Case, result: _Result) -> None:
    from test import support

    support.environment_altered = False
    unittest.TestSuite([case()]).run(result)
    if support.environment_altered and not (result.errors or result.failures):
        result.errors.append((unittest.FunctionTestCase(lambda: None), "the test left threads behind"))


def _settle() -> None:
    """What ``test.support`` needs to know that ``regrtest`` would tell it, and which ``queue`` is tested.

    ``test_queue`` imports two fresh copies of ``queue``: the Python one runs as it is, on our primitives; in the place
    of the one with the C parts comes the one that was taken over.
    """
    from test import support
    from test.support import import_helper

    support.use_resources = None
    support.verbose = 0
    support.reap_children = lambda: None  # it waits for child processes that a test forgot; none can start
    really: Callable[..., Any] = import_helper.import_fresh_module

    def import_fresh_module(name: str, *rest: Any, **options: Any) -> Any:
        if name == "queue" and "_queue" in options.get("fresh", ()):
            return importlib.import_module(name)
        return really(name, *rest, **options)

    import_helper.import_fresh_module = import_fresh_module


def _settle_real_time() -> None:
    """In real time: ``lock_tests`` sleeps for 10 ms a thread until threads are blocked, which is not always enough on a
    busy machine; they say themselves when they are."""
    lock_tests: Any = importlib.import_module("test.lock_tests")
    # Named differently by versions, and only there: the test modules take the classes from it, not the function.
    (name,) = {"wait_threads_blocked", "_wait"} & set(vars(lock_tests))
    before = set(_threads())

    def wait_threads_blocked(*_: int) -> None:
        began = time.monotonic()
        seen: object = None
        while time.monotonic() - began < PATIENCE_S:
            now = {thread: state for thread, state in _threads().items() if thread not in before}
            if now == seen and all(state == "S" for state, _ in now.values()):
                return
            seen = now
            time.sleep(0.005)

    setattr(lock_tests, name, wait_threads_blocked)


def _threads() -> dict[str, tuple[str, str]]:
    """Of each thread of this process its state and how often it has had a core (proc(5), stat and schedstat)."""
    found: dict[str, tuple[str, str]] = {}
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            found[task.name] = state, (task / "schedstat").read_text().split()[2]
    return found


# The worlds.


class Timely:
    """A strategy that keeps the time: a sleep or a time-out ends only when nobody can move before it does.

    CPython's tests wait with short sleeps until other threads are blocked, so of all schedules the explored world has
    they are right for those in which time passes at one pace for everybody. Among threads that can move at one moment
    the choice is first come, first served, or random.
    """

    def __init__(self, seed: int | None) -> None:
        self._random = None if seed is None else random.Random(seed)
        self._now_ns = 0
        self._due: dict[int, tuple[Any, int, int]] = {}
        """By thread the operation it is about to do, when that would time out, and the number of its arrival."""
        self._arrivals = 0

    def choose(self, world: Any, last: Any) -> Any:
        prompt: list[Any] = []
        later: list[tuple[int, int, Any]] = []
        for thread in world.live:
            operation = thread.pending
            if operation is None:
                continue
            thread.patient, thread.looked = False, None
            known = self._due.get(thread.uid)
            if known is None or known[0] is not operation:
                seconds = operation.timeout if operation.timeout is not None else getattr(operation, "seconds", 0)
                self._arrivals += 1
                known = (operation, self._now_ns + int(seconds * 1e9), self._arrivals)
                self._due[thread.uid] = known
            sleeps = operation.label == "sleep"
            if not world.enabled(thread):
                continue
            if operation.ready(thread) and not sleeps:
                prompt.append(thread)
            else:
                later.append((known[1], len(later), thread))
        if prompt:
            if self._random is not None:
                return self._random.choice(prompt)
            return min(prompt, key=lambda thread: self._due[thread.uid][2])
        if not later:
            return None
        first = min(later)
        self._now_ns = max(self._now_ns, first[0])
        return first[2]

    def took(self, world: Any, thread: Any, operation: Any, code: int) -> None:
        self._due.pop(thread.uid, None)


def explored(lasting: ExitStack) -> Callable[[Case], tuple[str, str]]:
    from weft.simcore.explored import ExploredWorld, Outcome
    from weft.simcore.takeover import takeover

    lasting.enter_context(takeover())
    _settle()
    outside: dict[int, Any] = {}

    def run_once(case: Case, seed: int | None) -> tuple[int, str, str]:
        result = _Result()
        world = ExploredWorld(Timely(seed), max_steps=MAX_STEPS, outside=outside)
        stuck: list[str] = []
        world.observer = _Stuck(stuck)
        gc.disable()  # as the explorer does: no destructor may run in the middle of a decision
        execution = world.run(lambda: _run(case, result))
        gc.enable()
        if execution.outcome is not Outcome.COMPLETED:
            what = execution.refusal or "; ".join(stuck)
            return execution.steps, "failed", f"{execution.outcome.value} after {execution.steps} steps: {what}"
        main = world.threads[0].failure
        if main is not None:
            return execution.steps, "failed", "".join(traceback.format_exception(main[0]))
        return execution.steps, *result.verdict()

    def run(case: Case) -> tuple[str, str]:
        status, detail = "passed", ""
        for number, seed in enumerate(SEEDS, 1):
            steps, status, detail = run_once(case, seed)
            if status != "passed":
                return status, f"seed {seed}: {detail}"
            if steps > LONG_STEPS and number == 2:
                break
        return status, detail

    return run


class _Stuck:
    """Notes at the end of an execution who waits for what."""

    def __init__(self, stuck: list[str]) -> None:
        self._stuck = stuck

    def registered(self, primitive: object) -> None: ...
    def registered_outside(self, primitive: object) -> None: ...
    def performing(self, thread: object, operation: object) -> None: ...
    def took(self, *step: object) -> None: ...

    def ended(self, world: Any) -> None:
        for thread in world.live:
            operation, frame = thread.pending, thread.frame()
            if operation is not None:
                stack = "" if frame is None else "".join(traceback.format_stack(frame)[-4:])
                self._stuck.append(f"{thread.name} in {operation.label} ({operation.detail()})\n{stack}")


def timed(lasting: ExitStack) -> Callable[[Case], tuple[str, str]]:
    from weft.simcore.takeover import takeover
    from weft.simcore.timed import TimedWorld

    lasting.enter_context(takeover())
    _settle()

    def run(case: Case) -> tuple[str, str]:
        result = _Result()
        # Measured: a loop that waits for another thread without an operation must cost time, or nobody else moves.
        world = TimedWorld(cores=4, max_seconds=MAX_VIRTUAL_SECONDS, measure=True)
        ran = world.run(lambda: _run(case, result))
        if ran.refusal or ran.gave_up or ran.stuck:
            return "failed", ran.refusal or ran.gave_up or "; ".join(map(str, ran.stuck))
        main = world.threads[0].failure
        if main is not None:
            return "failed", "".join(traceback.format_exception(main[0]))
        return result.verdict()

    return run


def outside(lasting: ExitStack) -> Callable[[Case], tuple[str, str]]:
    """The dual primitives with no world active: real threads, and the behaviour must be the original's."""
    from weft.simcore.takeover import takeover

    lasting.enter_context(takeover())
    _settle()
    _settle_real_time()

    def run(case: Case) -> tuple[str, str]:
        result = _Result()
        _run(case, result)
        return result.verdict()

    return run


def real(lasting: ExitStack) -> Callable[[Case], tuple[str, str]]:
    """Real threads and the recording primitives; the trace of each batch must load."""
    from weft.real_runs.log import Recorder
    from weft.real_runs.recorded.takeover import recording
    from weft.simcore import library
    from weft.simcore.trace import Header

    folder = Path(lasting.enter_context(tempfile.TemporaryDirectory()))
    recorder = Recorder(folder / "run.weft", Header("test", "real"))
    # The tests are in the standard library's folder, and what the library makes for itself is not recorded.
    import test

    for path in Path(next(iter(test.__path__))).rglob("*.py"):
        library.known[str(path)] = False
    lasting.enter_context(recording(recorder))
    _settle()
    recorder.start_writer(lambda: None)
    _settle_real_time()

    def run(case: Case) -> tuple[str, str]:
        result = _Result()
        before = recorder.pending()
        _run(case, result)
        status, detail = result.verdict()
        return status, detail or f"{recorder.pending() - before} events"

    return run


WORLDS: dict[str, Callable[[ExitStack], Callable[[Case], tuple[str, str]]]] = {
    "explored": explored,
    "timed": timed,
    "real": real,
    "outside": outside,
}

if __name__ == "__main__":
    # ``__main__`` must not look like a test module to what CPython's tests spawn or pickle.
    sys.modules["weft_conformance"] = types.ModuleType("weft_conformance")
    main()
