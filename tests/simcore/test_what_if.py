"""What-ifs in the simulation: code that takes another time, locks that nobody waits for, and names that nothing has."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from weft.simcore.device_wait import io
from weft.simcore.prediction import Configuration, PredictionError, Study
from weft.simcore.profile import IDEAL
from weft.simcore.scaled_code import ScaledCode, unknown_name
from weft.simcore.target import TargetError
from weft.simcore.work import work

from .hand_clock import HandClock

ONE = Configuration({}, 1, True)


def line_of(function: Callable[..., Any], after: int) -> str:
    return f"test_what_if.py:{function.__code__.co_firstlineno + after}"


def seconds(run: Callable[[dict[str, Any]], object], configuration: Configuration, **options: Any) -> float:
    options = {"profile": IDEAL, "repeat": 1, "probe": False, "measure": False, **options}
    (found,) = Study(run, **options).predict([configuration]).runs
    assert (found.scale, found.free_locks) == (configuration.scale, configuration.free_locks)
    return found.seconds


class Net:
    def forward(self) -> None:
        work(1)
        self.layer()

    def layer(self) -> None:
        work(2)
        time.sleep(4)


def infer(params: dict[str, Any]) -> None:
    net = Net()
    net.forward()
    net.forward()
    net.layer()


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ({}, 20),
        ({"Net.forward": 0.5}, 13),
        ({"test_what_if.Net.forward": 0.5}, 13),
        ({"forward": 0.5}, 13),
        ({"Net.layer": 0.5}, 11),
        ({"Net.forward": 0.5, "Net.layer": 0.5}, 7 + 3 - 3),
        ({line_of(infer, 2): 0}, 13),
        ({line_of(Net.layer, 2): 0.5}, 14),
        ({"time.sleep": 0}, 8),
        ({"weft.work": 2}, 28),
        ({"infer": 3}, 60),
    ],
)
def test_what_work_and_sleep_ask_for_is_scaled_by_all_that_called_them(
    scale: dict[str, float], expected: float
) -> None:
    assert seconds(infer, replace(ONE, scale=scale)) == pytest.approx(expected)


def test_measured_code_is_scaled_by_its_share_of_each_segment() -> None:
    """No operation tells where the function begins and ends."""
    clock = HandClock()

    def forward(length: float) -> None:
        clock.compute(length)

    def program(params: dict[str, Any]) -> None:
        lock = threading.Lock()
        for length in (1.0, 2.0):
            clock.compute(0.5)
            forward(length)
            with lock:
                clock.compute(0.25)

    def predicted(**scale: float) -> float:
        return seconds(program, replace(ONE, scale=scale), measure=True, stopwatch=clock)

    assert predicted() == 4.5
    assert predicted(forward=0.5) == pytest.approx(3.0)
    assert predicted(forward=0) == pytest.approx(1.5)
    assert predicted(program=2) == pytest.approx(9)
    at = line_of(program, 4)
    assert seconds(program, replace(ONE, scale={at: 0.5}), measure=True, stopwatch=clock) == pytest.approx(3.0)
    where_a_report_says = line_of(program, 5)
    scaled = replace(ONE, scale={where_a_report_says: 0.5})
    assert seconds(program, scaled, measure=True, stopwatch=clock) == pytest.approx(2.25), "all leads to the lock"


def test_functions_of_all_threads_are_seen_also_recursive_ones_and_generators() -> None:
    clock = HandClock()

    def down(depth: int) -> None:
        clock.compute(0.1)
        if depth:
            down(depth - 1)

    def steps() -> Any:
        for _ in range(3):
            clock.compute(0.1)
            yield

    def program(params: dict[str, Any]) -> None:
        def body() -> None:
            down(4)
            for _ in steps():
                clock.compute(0.1)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()

    def predicted(**scale: float) -> float:
        return seconds(program, replace(ONE, scale=scale), measure=True, stopwatch=clock)

    assert predicted() == pytest.approx(1.1)
    assert predicted(down=0.5) == pytest.approx(1.1 - 0.25)
    assert predicted(steps=0) == pytest.approx(1.1 - 0.3)


def test_a_library_call_is_scaled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr(zlib, "compress", clock.compute)

    def program(params: dict[str, Any]) -> None:
        clock.compute(1)
        zlib.compress(2.0)  # pyright: ignore[reportArgumentType]

    scaled = replace(ONE, scale={"zlib.compress": 0.25})
    assert seconds(program, scaled, measure=True, stopwatch=clock) == pytest.approx(1.5)


def test_the_tracer_of_somebody_else_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    before = sys.gettrace()
    seconds(infer, replace(ONE, scale={"Net.forward": 0.5}))
    assert sys.gettrace() is before


@pytest.mark.parametrize("measure", [True, False])
def test_code_that_is_not_there_is_an_error_that_says_what_is(measure: bool) -> None:
    clock = HandClock()
    configuration = replace(ONE, scale={"Net.forwad": 0.5})
    with pytest.raises(PredictionError, match=r"is called 'Net\.forwad'; did you mean 'Net\.forward'\?") as error:
        seconds(infer, configuration, measure=measure, stopwatch=clock)
    assert isinstance(error.value.__cause__, TargetError), "a wrong name is wrong usage"
    with pytest.raises(PredictionError, match=r"seen: infer, Net\.forward, weft\.work, Net\.layer"):
        seconds(infer, replace(ONE, scale={"zebra": 1}), measure=measure, stopwatch=clock)


def test_unknown_names() -> None:
    assert unknown_name("lock", "x", []) == "no lock is called 'x'; the program has none"
    many = unknown_name("lock", "zzz", [f"lock{number}" for number in range(20)])
    assert many.startswith("no lock is called 'zzz'; seen: lock0, lock1,")
    assert many.endswith("and 8 more")


def test_code_within_code_is_scaled_by_both() -> None:
    code = ScaledCode({"outer": 0.5, "inner": 0.1})
    found: list[float] = []

    def inner() -> None:
        import sys

        found.append(code.factor(sys._getframe()))

    def outer() -> None:
        inner()
        inner()

    inner()
    outer()
    assert found == [pytest.approx(0.1), pytest.approx(0.05), pytest.approx(0.05)]
    assert code.unknown() == []


# Locks that are free.


def locked(params: dict[str, Any]) -> None:
    lock, slots = threading.Lock(), threading.Semaphore(1)
    again = threading.RLock()

    def body() -> None:
        with lock:
            work(1, gil=False)
        with slots:
            work(2, gil=False)
        with again, again:
            work(4, gil=False)

    made = [threading.Thread(target=body) for _ in range(3)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        ((), 1 + 2 + 3 * 4),
        (("lock",), 1 + 2 + 3 * 4),
        (("again",), 1 + 3 * 2 + 4),
        (("lock", "slots"), 1 + 2 + 3 * 4),
        (("slots", "again"), 3 * 1 + 2 + 4),
        (("lock", "slots", "again"), 1 + 2 + 4),
        ((line_of(locked, 1), line_of(locked, 2)), 1 + 2 + 4),
    ],
)
def test_free_locks_make_nobody_wait(free: tuple[str, ...], expected: float) -> None:
    assert seconds(locked, Configuration({}, 4, True, free_locks=free)) == expected


def test_what_a_free_lock_was_around_still_happens_in_the_order_of_time() -> None:
    def program(params: dict[str, Any]) -> None:
        left, lock = [3, 1, 1, 1], threading.Lock()

        def body() -> None:
            while True:
                with lock:
                    if not left:
                        return
                    task = left.pop(0)
                work(task, gil=False)

        made = [threading.Thread(target=body) for _ in range(2)]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    assert seconds(program, Configuration({}, 2, True, free_locks=("lock",))) == 3


def test_a_free_lock_answers_as_if_nobody_had_it() -> None:
    answers: list[object] = []

    def program(params: dict[str, Any]) -> None:
        lock = threading.Lock()
        answers.extend((lock.acquire(), lock.acquire(blocking=False), lock.locked(), lock.release()))

    seconds(program, replace(ONE, free_locks=("lock",)))
    assert answers == [True, True, False, None]


def test_a_free_lock_is_said_to_make_results_wrong() -> None:
    study = Study(locked, profile=IDEAL, measure=False)
    prediction = study.predict([Configuration({}, 4, True), Configuration({}, 4, True, free_locks=("lock",))])
    assert prediction.limits == ["with free locks what was exclusive is not: the program's results need not be right"]
    assert prediction.runs[0].speedup == 1


def test_a_lock_that_is_not_there_is_an_error_that_says_which_are() -> None:
    with pytest.raises(PredictionError, match=r"no lock is called 'lok'; did you mean 'lock'") as error:
        seconds(locked, replace(ONE, free_locks=("lok",)))
    assert isinstance(error.value.__cause__, TargetError)
    with pytest.raises(PredictionError, match=r"seen: lock \(test_what_if.py:\d+\), slots \(test_what_if"):
        seconds(locked, replace(ONE, free_locks=("zebra",)))


@pytest.mark.parametrize("given", [True, False])
def test_the_lock_of_a_condition_cannot_be_free(given: bool) -> None:
    def program(params: dict[str, Any]) -> None:
        mutex = threading.Lock()
        ready = threading.Condition(mutex) if given else threading.Condition()
        with ready:
            ready.notify()

    with pytest.raises(PredictionError, match="a condition cannot do without its lock"):
        seconds(program, replace(ONE, free_locks=("mutex" if given else "ready",)))


# Devices.


def test_a_device_serves_so_many_at_a_time() -> None:
    def program(params: dict[str, Any]) -> None:
        def body() -> None:
            io(1, "disk", at_once=2)
            io(0.5, "network", at_once=8)

        made = [threading.Thread(target=body) for _ in range(6)]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    assert seconds(program, ONE) == pytest.approx(3.5)
    assert seconds(program, replace(ONE, scale={"weft.io": 0.5})) == pytest.approx(1.75)


def test_a_device_has_one_number_of_places() -> None:
    def program(params: dict[str, Any]) -> None:
        io(1, "disk", at_once=2)
        io(1, "disk", at_once=3)

    with pytest.raises(PredictionError, match="'disk' serves 2 at once since its first use"):
        seconds(program, ONE)
