"""Where a thread goes on after a wake-up, and what that costs: by placement, not on average."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weft.simcore.machine import NOGIL, Clock, Machine, Runner
from weft.simcore.placement import Topology
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.work import work

MS = 1_000_000
PLACED = replace(IDEAL, handover_ns=8, handover_same_core_ns=3, handover_idle_core_ns=17)


def topology(cores: int, **terms: Any) -> Topology:
    return Topology(cores, replace(IDEAL, **terms))


def on(core: int) -> Runner:
    runner = Runner("here")
    runner.core = core
    return runner


def test_among_equal_cores_it_does_not_matter_where() -> None:
    assert not topology(8).differ
    assert not topology(8, core_speeds=[0.5, 0.5]).differ
    assert not topology(8, smt_threads=2).differ
    assert topology(8, core_speeds=[1.0, 0.5]).differ
    assert topology(8, smt_threads=2, smt_factor=0.6).differ


def test_the_fastest_idle_core_is_chosen_then_the_last_one_then_the_warmest() -> None:
    unequal = topology(4, core_speeds=[1.0, 1.0, 0.5, 0.5])
    assert unequal.choose(on(3), [3, 0, 1]) == 1, "it became idle last"
    assert unequal.choose(on(0), [3, 0, 1]) == 0
    assert unequal.choose(on(2), [3, 2]) == 2


def test_a_whole_physical_core_is_better_than_half_of_one() -> None:
    pairs = topology(4, smt_threads=2, smt_factor=0.6)
    assert pairs.choose(on(1), [1, 2, 3]) == 3, "0 is busy, so 1 would have 0.6"
    assert pairs.choose(on(1), [1, 3]) == 1, "both have a busy sibling, and it was there last"
    assert pairs.better([on(0), on(1)], [2, 3]) is not None
    assert pairs.better([on(0), on(2)], [1, 3]) is None


def test_only_who_would_be_faster_moves_and_the_slowest_first() -> None:
    unequal = topology(3, core_speeds=[1.0, 0.5, 0.25])
    runners = [on(1), on(2)]
    assert unequal.better(runners, [0]) == (runners[1], 0)
    assert unequal.better([on(0)], [1, 2]) is None


def program_of_two() -> None:
    """A waiter that main sets off after 1 us, each with 1 ms of work."""
    import threading
    import time

    go = threading.Event()

    def wait() -> None:
        go.wait()
        work(1e-3, gil=False)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(1e-6)
    work(1e-3, gil=False)
    go.set()
    waiter.join()


def makespan_ns(cores: int, profile: Profile) -> int:
    with takeover():
        return TimedWorld(cores=cores, gil=False, profile=profile, measure=False).run(program_of_two).makespan_ns


@pytest.mark.parametrize(("cores", "cost_ns"), [(1, 3), (2, 17)])
def test_a_hand_over_costs_what_its_placement_costs(cores: int, cost_ns: int) -> None:
    """The waiter is woken once, and main when it joins."""
    assert makespan_ns(cores, PLACED) == 2 * MS + 1_000 + 2 * cost_ns


@pytest.mark.parametrize(
    ("profile", "cost_ns"),
    [
        (replace(IDEAL, handover_ns=8), 8),
        (replace(IDEAL, handover_ns=8, handover_same_core_ns=3), 8),
        (replace(IDEAL, handover_ns=8, handover_idle_core_ns=17), 17),
    ],
)
def test_a_term_that_was_not_measured_is_the_general_one(profile: Profile, cost_ns: int) -> None:
    assert makespan_ns(2, profile) == 2 * MS + 1_000 + 2 * cost_ns


def test_while_all_cores_are_busy_it_depends_on_the_waker() -> None:
    """``blocked`` ran on core 0 last. With both cores busy it is woken from core 0, from core 1, and by a timer."""
    here = Machine(Clock(), cores=2, gil=False, profile=PLACED)
    blocked, first, second = Runner("blocked"), Runner("first"), Runner("second")
    here.start(blocked, 0, lambda runner: here.block(runner, here.end))
    for runner in (first, second):
        here.start(runner, 1, lambda runner: here.burst(runner, 100, NOGIL, here.end))
    costs: list[int] = []

    def look() -> None:
        costs.extend(here.handover_ns(blocked, waker) for waker in (first, second, None))
        here.wake(blocked)

    here.timer(50, look)
    here.timer(100 + 2, lambda: costs.append(here.handover_ns(blocked, first)))
    while here.clock.pending:
        here.clock.step()
    assert blocked.core == first.core == 0
    assert costs == [3, 8, 8, 17]
