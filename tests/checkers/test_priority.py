"""P001 in virtual time: the inverted time of the classical three threads by closed formula, and none with inheritance."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
from weft.checkers import priority
from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.timed_record import TimedRun
from weft.simcore.trace import Header, Op, ThreadInfo, Trace, TraceBuilder

MS = 1_000_000


def run(program: Callable[[], Any], *, cores: int = 1, gil: bool = False, **more: Any) -> TimedRun:
    with takeover():
        world = TimedWorld(cores=cores, gil=gil, profile=IDEAL, measure=False, scheduler_events=True, **more)
        result = world.run(program)
    assert result.completed, result.gave_up or result.stuck
    assert not result.failures
    return result


def trace_of(program: Callable[[], Any], **more: Any) -> Trace:
    trace = run(program, **more).trace
    assert trace is not None
    return trace


def thread(level: int, name: str, body: Callable[[], None]) -> threading.Thread:
    """Started by a main thread that is more important than all, so that each begins in time to set its priority."""
    weft.priority(10)

    def work() -> None:
        weft.priority(level)
        body()

    made = threading.Thread(target=work, name=name)
    made.start()
    return made


def pathfinder(low_ms: int, high_at_ms: int, medium_at_ms: int, medium_ms: int) -> Callable[[], None]:
    """As on Mars Pathfinder (Jones 1997): low has the lock, high wants it, medium needs nothing and takes the core."""

    def program() -> None:
        lock = threading.Lock()

        def low() -> None:
            with lock:
                weft.work(low_ms / 1000, gil=False)

        def high() -> None:
            time.sleep(high_at_ms / 1000)
            with lock:
                weft.work(0.001, gil=False)

        def medium() -> None:
            time.sleep(medium_at_ms / 1000)
            weft.work(medium_ms / 1000, gil=False)

        made = [thread(1, "low", low), thread(3, "high", high), thread(2, "medium", medium)]
        for one in made:
            one.join()

    return program


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 30), st.integers(1, 4), st.integers(1, 4), st.integers(1, 80))
def test_the_inverted_time_of_three_threads(low_ms: int, high_ms: int, after_ms: int, medium_ms: int) -> None:
    """low is ready but not running exactly as long as medium runs while high waits, if medium comes before low ends."""
    medium_at = high_ms + after_ms
    trace = trace_of(pathfinder(low_ms, high_ms, medium_at, medium_ms))
    expected_ms = medium_ms if medium_at < low_ms else 0
    found = [inversion for inversion in priority.inversions(trace) if inversion.waiter == 2]
    assert sum(inversion.inverted_ns for inversion in found) == expected_ms * MS
    if expected_ms:
        (inversion,) = found
        assert inversion.bounded_ns == (low_ms - high_ms) * MS
        assert inversion.waited_ns == (low_ms - high_ms + medium_ms) * MS
    inherited = trace_of(pathfinder(low_ms, high_ms, medium_at, medium_ms), inheritance=True)
    assert priority.find(inherited) == []


def test_the_report_names_the_three_threads_and_the_times() -> None:
    (finding,) = priority.find(trace_of(pathfinder(10, 2, 3, 50)))
    assert (finding.rule, finding.kind, finding.certainty) == ("P001", "priority-inversion", "observed")
    assert finding.message == ("high (priority 3) waited 58 ms for lock; for 50 ms of it medium kept low from running")
    assert [(thread.name, thread.state) for thread in finding.threads] == [
        ("high", "blocked"),
        ("low", "ready"),
        ("medium", "running"),
    ]
    assert [row.thread for row in finding.steps] == ["low", "high", "medium"]
    assert "low itself ran for 8 ms" in finding.why


def test_inheritance_ends_with_the_lock() -> None:
    """After its release low is unimportant again: medium runs before what low does next."""

    def program() -> None:
        lock = threading.Lock()

        def low() -> None:
            with lock:
                weft.work(0.010, gil=False)
            weft.work(0.005, gil=False)
            ended.append(("low", time.monotonic()))

        def high() -> None:
            time.sleep(0.002)
            with lock:
                weft.work(0.001, gil=False)
            ended.append(("high", time.monotonic()))

        def medium() -> None:
            time.sleep(0.003)
            weft.work(0.050, gil=False)
            ended.append(("medium", time.monotonic()))

        begun = time.monotonic()
        for one in [thread(1, "low", low), thread(3, "high", high), thread(2, "medium", medium)]:
            one.join()
        ended[:] = [(name, round((at - begun) * 1000)) for name, at in ended]

    ended: list[tuple[str, float]] = []
    run(program, inheritance=True)
    assert ended == [("high", 11), ("medium", 61), ("low", 66)]


def test_a_chain_of_owners() -> None:
    """high waits for outer's owner, which waits for inner's owner, which medium keeps from running for 20 ms."""

    def program() -> None:
        inner, outer = threading.Lock(), threading.Lock()

        def low() -> None:
            with inner:
                weft.work(0.010, gil=False)

        def between() -> None:
            time.sleep(0.001)
            with outer, inner:
                pass

        def high() -> None:
            time.sleep(0.002)
            with outer:
                pass

        def medium() -> None:
            time.sleep(0.003)
            weft.work(0.020, gil=False)

        made = [thread(1, "low", low), thread(2, "between", between), thread(9, "high", high)]
        made.append(thread(5, "medium", medium))
        for one in made:
            one.join()

    found = priority.find(trace_of(program))
    waits = {finding.threads[0].name: finding.message for finding in found}
    assert "through between" in waits["high"]
    assert "for 20 ms of it medium kept low from running" in waits["high"]
    assert "between" not in waits, "medium is more important than between: no inversion of its wait"
    assert priority.find(trace_of(program, inheritance=True)) == []


@pytest.mark.parametrize("cores", [2, 3])
def test_enough_cores_and_nobody_is_kept_from_running(cores: int) -> None:
    assert priority.find(trace_of(pathfinder(10, 2, 3, 50), cores=cores)) == []


def test_equal_priorities_are_no_inversion() -> None:
    def program() -> None:
        lock = threading.Lock()

        def work() -> None:
            with lock:
                weft.work(0.01, gil=False)

        for one in [thread(4, f"t{number}", work) for number in range(3)]:
            one.join()

    assert priority.find(trace_of(program)) == []


def test_a_trace_without_priorities_has_none() -> None:
    builder = TraceBuilder(Header("hand.py", "real"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.add(0, Op.MARK, time_ns=5, extra="priority of the order: high")
    assert priority.find(builder.build()) == []


def test_outside_a_world_a_priority_does_nothing() -> None:
    weft.priority(7)
    with pytest.raises(TypeError, match="must be an integer"):
        weft.priority("high")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="must be an integer"):
        weft.priority(True)


Body = tuple[int, list[tuple[int, int, int]]]
"""How long a thread sleeps first, and its sections: lock, milliseconds in it, milliseconds after it."""


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=3),
        ),
        min_size=2,
        max_size=5,
    ),
    st.integers(1, 2),
    st.booleans(),
)
def test_with_inheritance_no_program_has_an_inversion(bodies: list[Body], cores: int, nested: bool) -> None:
    """Sections are taken in the order of the locks when they are nested, so that none of these programs deadlocks."""

    def program() -> None:
        locks = [threading.Lock() for _ in range(3)]

        def nest(sections: list[tuple[int, int, int]]) -> None:
            if not sections:
                return
            (number, inside, after), *others = sections
            with locks[number]:
                weft.work(inside / 1000, gil=False)
                nest([section for section in others if section[0] > number])
            weft.work(after / 1000, gil=False)

        def run_body(body: Body) -> None:
            time.sleep(body[0] / 1000)
            if nested:
                nest(sorted(body[1]))
                return
            for number, inside, after in body[1]:
                with locks[number]:
                    weft.work(inside / 1000, gil=False)
                weft.work(after / 1000, gil=False)

        made = [
            thread(level + 1, f"t{level}", lambda body=body: run_body(body))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
            for level, body in enumerate(bodies)
        ]
        for one in made:
            one.join()

    assert priority.find(trace_of(program, cores=cores, inheritance=True)) == []
