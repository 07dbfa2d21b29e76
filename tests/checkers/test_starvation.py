"""L002 in virtual time: barging at a lock and cores kept busy by others; programs that pass things in turn have none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
from weft.checkers import starvation
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder


def trace_of(
    program: Callable[[], Any],
    *,
    cores: int = 2,
    handover: Literal["barging", "fifo"] = "barging",
    profile: Profile = IDEAL,
) -> Trace:
    with takeover():
        world = TimedWorld(
            cores=cores, gil=False, profile=profile, measure=False, scheduler_events=True, handover=handover
        )
        result = world.run(program)
    assert result.completed, result.gave_up or result.stuck
    assert result.trace is not None
    return result.trace


def hog_and_victim(turns: int, outside: float = 0.0) -> Callable[[], None]:
    """The hog takes the lock again as soon as it has released it, or after ``outside`` seconds without it."""

    def program() -> None:
        lock = threading.Lock()

        def hog() -> None:
            for _ in range(turns):
                with lock:
                    weft.work(0.001, gil=False)
                if outside:
                    weft.work(outside, gil=False)

        def victim() -> None:
            weft.work(0.0005, gil=False)
            with lock:
                pass

        made = [threading.Thread(target=hog, name="hog"), threading.Thread(target=victim, name="victim")]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    return program


SLOW_TO_WAKE = Profile(handover_ns=100_000, lock_ns=10)


def test_a_thread_overtaken_at_a_lock_again_and_again() -> None:
    (finding,) = starvation.find(trace_of(hog_and_victim(200), profile=SLOW_TO_WAKE))
    assert (finding.rule, finding.kind, finding.certainty) == ("L002", "starvation", "observed")
    assert finding.threads[0].name == "victim"
    assert "while hog took it 199 times, having asked later" in finding.message
    assert "50 times and 25%" in finding.why


def test_below_the_threshold_it_is_contention() -> None:
    assert starvation.find(trace_of(hog_and_victim(starvation.OVERTAKEN_MIN), profile=SLOW_TO_WAKE)) == []


@pytest.mark.parametrize(("handover", "outside"), [("fifo", 0.0), ("barging", 0.001)])
def test_a_lock_passed_in_turn_or_left_free_starves_nobody(
    handover: Literal["barging", "fifo"], outside: float
) -> None:
    assert starvation.find(trace_of(hog_and_victim(200, outside), handover=handover, profile=SLOW_TO_WAKE)) == []


def kept_off(priority: int) -> Callable[[], None]:
    """An important thread computes for 3 s on the only core while another is ready."""

    def program() -> None:
        def busy() -> None:
            weft.priority(priority)
            for _ in range(30):
                weft.work(0.1, gil=False)
                time.sleep(0)

        def modest() -> None:
            weft.work(0.1, gil=False)

        made = [threading.Thread(target=busy, name="busy"), threading.Thread(target=modest, name="modest")]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    return program


def test_a_thread_that_never_gets_a_core() -> None:
    found = starvation.find(trace_of(kept_off(5), cores=1))
    assert [finding.threads[0].name for finding in found] == ["modest"]
    assert "was ready for 3 s (97 % of the run) and was not given a core" in found[0].message


@pytest.mark.parametrize(("priority", "cores"), [(0, 1), (5, 2)])
def test_equal_threads_or_enough_cores_starve_nobody(priority: int, cores: int) -> None:
    assert starvation.find(trace_of(kept_off(priority), cores=cores)) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(20, 80), st.integers(1, 3))
def test_fair_programs_have_none(workers: int, turns: int, cores: int) -> None:
    """Equal threads at a lock that passes in turn: nobody is overtaken, whatever their number and the machine's."""

    def program() -> None:
        lock = threading.Lock()

        def work() -> None:
            for _ in range(turns):
                with lock:
                    weft.work(0.001, gil=False)

        made = [threading.Thread(target=work) for _ in range(workers)]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    assert starvation.find(trace_of(program, cores=cores, handover="fifo")) == []


def test_a_trace_without_times_shows_none() -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("one", 0)]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.REQUEST, 0)
    for _ in range(500):
        builder.add(1, Op.ACQUIRE, 0)
        builder.add(1, Op.RELEASE, 0)
    assert starvation.find(builder.build()) == []
