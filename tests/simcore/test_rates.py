"""Bursts whose speed depends on what else burns: closed forms, and a simulator that goes nanosecond by nanosecond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.machine import GIL, MEM, NOGIL, PY, RUNNING, Clock, Machine, Runner
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.trace import Op

MS = 1_000_000
Burst = tuple[int, int]
"""Kind and nanoseconds; -1 sleeps."""
SLEEP = -1


def play(machine: Machine, scripts: list[list[Burst]], working_sets: list[int] | None = None) -> list[int]:
    """When each runner ended."""
    runners = [Runner(f"t{number}") for number in range(len(scripts))]
    for runner, working_set_bytes in zip(runners, working_sets or [], strict=False):
        runner.working_set_bytes = working_set_bytes
    return run(machine, scripts, runners)


def run(machine: Machine, scripts: list[list[Burst]], runners: list[Runner]) -> list[int]:
    ended = [-1] * len(scripts)

    def follow(number: int) -> Callable[[Runner], None]:
        left = iter(scripts[number])

        def go_on(runner: Runner) -> None:
            kind, duration_ns = next(left, (None, 0))
            if kind is None:
                ended[number] = machine.clock.now_ns
                machine.end(runner)
            elif kind == SLEEP:
                machine.sleep(runner, duration_ns, go_on)
            else:
                machine.burst(runner, duration_ns, kind, go_on)

        return go_on

    for number, runner in enumerate(runners):
        machine.start(runner, 0, follow(number))
    while machine.clock.pending:
        machine.clock.step()
    return ended


def machine(cores: int, *, gil: bool = False, listener: Any = None, **terms: Any) -> Machine:
    return Machine(Clock(), cores=cores, gil=gil, profile=replace(IDEAL, **terms), listener=listener)


def test_two_memory_bound_bursts_share_the_measured_bandwidth() -> None:
    curve = {"64000000": [1.0, 1.2]}
    assert play(machine(2, memory_bandwidth=curve), [[(MEM, 30 * MS)]] * 2) == [50 * MS] * 2, "0.6 each"
    ended = play(machine(2, memory_bandwidth=curve), [[(MEM, 60 * MS)], [(NOGIL, 10 * MS), (MEM, 12 * MS)]])
    assert ended == [68 * MS, 30 * MS], "10 alone, 20 at 0.6 while the other does its 12, 38 alone"


def test_three_memory_bound_bursts_on_two_cores_are_two_at_a_time() -> None:
    ended = play(machine(2, quantum_ns=10**9, memory_bandwidth={"1": [1.0, 1.0]}), [[(MEM, 10 * MS)]] * 3)
    assert ended == [20 * MS, 20 * MS, 30 * MS]


def test_the_last_point_of_a_curve_holds_beyond_it() -> None:
    ended = play(machine(4, memory_bandwidth={"1": [1.0, 1.5]}), [[(MEM, 3 * MS)]] * 4)
    assert ended == [8 * MS] * 4, "1.5 / 4 each"


def test_bandwidth_never_makes_anybody_faster() -> None:
    assert play(machine(2, memory_bandwidth={"1": [1.0, 2.5]}), [[(MEM, MS)]] * 2) == [MS] * 2


@pytest.mark.parametrize(
    ("working_set_bytes", "rate"), [(0, 0.5), (1, 1.0), (1000, 1.0), (1001, 0.8), (5000, 0.8), (9000, 0.5)]
)
def test_the_working_set_chooses_the_curve(working_set_bytes: int, rate: float) -> None:
    curves = {"8000": [1.0, 1.0], "1000": [1.0, 2.0], "5000": [1.0, 1.6]}
    ended = play(machine(2, memory_bandwidth=curves), [[(MEM, 4 * MS)]] * 2, [working_set_bytes] * 2)
    assert ended == [round(4 * MS / rate)] * 2


def test_other_bursts_are_not_slowed_by_memory_bound_ones() -> None:
    scripts = [[(MEM, 10 * MS)], [(MEM, 10 * MS)], [(NOGIL, 15 * MS)], [(PY, 15 * MS)]]
    assert play(machine(4, gil=True, memory_bandwidth={"1": [1.0, 1.0]}), scripts) == [20 * MS] * 2 + [15 * MS] * 2


def test_memory_bound_bursts_need_no_gil() -> None:
    assert play(machine(3, gil=True), [[(PY, 5 * MS)], [(MEM, 5 * MS)], [(MEM, 5 * MS)]]) == [5 * MS] * 3


def test_co_run_slowdown_counts_cores_that_compute() -> None:
    co_run = [1.0, 1.06, 1.25]
    one = [(NOGIL, 1000 * MS)]
    assert play(machine(4, co_run=co_run), [one]) == [1000 * MS]
    assert play(machine(4, co_run=co_run), [one] * 2) == [1060 * MS] * 2
    assert play(machine(4, co_run=co_run), [one] * 4) == [1250 * MS] * 4, "the last one holds beyond"
    assert play(machine(1, co_run=co_run), [one] * 2) == [1999 * MS, 2000 * MS], "one core is never two"
    sleeper = [(SLEEP, 2000 * MS)]
    assert play(machine(4, co_run=co_run), [one, sleeper]) == [1000 * MS, 2000 * MS]
    waits_for_gil = play(machine(4, gil=True, co_run=co_run, gil_switch_interval_ns=10**10), [[(PY, 10 * MS)]] * 2)
    assert waits_for_gil == [10 * MS, 20 * MS], "who waits for the GIL does not compute"


def test_a_change_in_the_middle_settles_what_was_done() -> None:
    """Together from 0 to 12.5 at 0.8; then the long one has 90 left."""
    assert play(machine(2, co_run=[1.0, 1.25]), [[(NOGIL, 100)], [(NOGIL, 10)]]) == [103, 13]


def test_unequal_cores() -> None:
    speeds = [1.0, 0.5]
    assert play(machine(2, core_speeds=speeds), [[(NOGIL, 10 * MS)]]) == [10 * MS], "the fast one first"
    ended = play(machine(2, core_speeds=speeds), [[(NOGIL, 10 * MS)]] * 2)
    assert ended == [10 * MS, 15 * MS], "half is done when the fast core becomes idle and the slow runner moves"
    assert play(machine(4, core_speeds=speeds), [[(NOGIL, MS)]] * 4) == [MS, 1500_000, 1750_000, 1875_000]
    assert play(machine(1, core_speeds=[0.25]), [[(NOGIL, MS)]]) == [4 * MS]


def test_moving_to_a_faster_core_costs_a_context_switch() -> None:
    ended = play(machine(2, core_speeds=[1.0, 0.5], context_switch_ns=7), [[(NOGIL, 100)]] * 2)
    assert ended == [100, 157]


def test_siblings_share_a_physical_core() -> None:
    smt: dict[str, Any] = {"smt_threads": 2, "smt_factor": 0.6}
    job = [(NOGIL, 30 * MS)]
    assert play(machine(4, **smt), [job] * 2) == [30 * MS] * 2, "each on a physical core of its own"
    assert play(machine(2, **smt), [job] * 2) == [50 * MS] * 2
    assert play(machine(4, **smt), [job] * 4) == [50 * MS] * 4
    ended = play(machine(4, **smt), [job] * 3)
    assert ended == [42 * MS, 30 * MS, 42 * MS], "0.6 of 30 is 18; a physical core is free then, and 12 are left"
    assert play(machine(3, **smt), [job] * 2) == [30 * MS] * 2, "the third has no sibling"


def test_a_core_that_comes_free_speeds_the_sibling_up() -> None:
    ended = play(machine(2, smt_threads=2, smt_factor=0.5), [[(NOGIL, 10)], [(NOGIL, 30)]])
    assert ended == [20, 40]


def test_factors_multiply() -> None:
    ended = play(
        machine(2, core_speeds=[0.5, 0.5], co_run=[1.0, 1.25], memory_bandwidth={"1": [1.0, 1.0]}),
        [[(MEM, 10 * MS)]] * 2,
    )
    assert ended == [50 * MS] * 2, "0.5 * 0.8 * 0.5"


def test_forced_drop_of_the_gil_and_slices_at_changing_speed() -> None:
    """Both compute: the Python thread at 0.8; it is asked to let go at 50 with 60 left of 100."""
    here = machine(3, gil=True, co_run=[1.0, 1.25], gil_switch_interval_ns=50, quantum_ns=9)
    assert play(here, [[(PY, 100)], [(PY, 8)], [(NOGIL, 1000)]])[:2] == [135, 60]


def test_time_in_states_is_as_long_as_it_took() -> None:
    here = machine(2, gil=True, co_run=[1.0, 2.0])
    runner, other = Runner("a"), Runner("b")
    for each, kind in ((runner, PY), (other, NOGIL)):
        here.start(each, 0, lambda runner, kind=kind: here.burst(runner, 10, kind, here.end))
    while here.clock.pending:
        here.clock.step()
    assert runner.time_in[RUNNING] == other.time_in[RUNNING] == 20
    assert runner.time_in[GIL] == 0


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([NOGIL, PY, MEM, SLEEP]), st.integers(0, 40)), max_size=6),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 2),
)
@settings(deadline=None)
def test_factors_of_one_change_nothing(scripts: list[list[Burst]], cores: int, gil: bool, switch_ns: int) -> None:
    """With a curve that never saturates the fluid machine's history is the plain one's, ties and all."""
    histories: list[Any] = []
    for curves in ({}, {"1": [float(k) for k in range(1, 7)]}):
        seen: list[tuple[int, str, Op]] = []
        here = machine(
            cores,
            gil=gil,
            listener=lambda now, runner, op, seen=seen: seen.append((now, runner.name, op)),
            quantum_ns=7,
            context_switch_ns=switch_ns,
            gil_switch_interval_ns=11,
            memory_bandwidth=curves,
        )
        ended = play(here, scripts)
        histories.append((ended, seen, here.slices))
    assert histories[0] == histories[1]


def step_by_step(scripts: list[list[Burst]], cores: int, profile: Profile) -> list[int]:
    """The oracle: exact fractions, one nanosecond after the other; no more runners than cores, and no sleeping.

    A burst is over at the whole nanosecond nearest to its end, and then nothing of it is left.
    """
    curve = [Fraction(str(value)) for value in profile.memory_bandwidth["1"]]
    co_run = [Fraction(str(value)) for value in profile.co_run]
    speeds = [Fraction(str(profile.core_speeds[min(core, len(profile.core_speeds) - 1)])) for core in range(cores)]
    width, factor = profile.smt_threads, Fraction(str(profile.smt_factor))
    left: list[list[tuple[int, Fraction]]] = [
        [(kind, Fraction(duration)) for kind, duration in script if duration] for script in scripts
    ]
    core_of: dict[int, int] = {}

    def speed(core: int, others: set[int]) -> Fraction:
        return speeds[core] * (factor if any(other // width == core // width for other in others) else 1)

    def place(runner: int, free: list[int], others: set[int]) -> tuple[Fraction, int]:
        return max((speed(core, others), -core) for core in free)

    for runner in range(len(scripts)):
        busy = set(core_of.values())
        if left[runner]:
            core_of[runner] = -place(runner, [core for core in range(cores) if core not in busy], busy)[1]
    ended = [0] * len(scripts)
    now = 0

    def finish(rates: dict[int, Fraction]) -> bool:
        over = [runner for runner, rate in rates.items() if 2 * left[runner][0][1] < rate]
        for runner in over:
            left[runner].pop(0)
            if not left[runner]:
                ended[runner] = now
                del core_of[runner]
        return bool(over)

    while core_of:
        # Whoever can be faster elsewhere moves there, the slowest first.
        while True:
            moves = [
                (
                    speed(core, set(core_of.values()) - {core}),
                    runner,
                    *place(runner, free, set(core_of.values()) - {core}),
                )
                for runner, core in core_of.items()
                if (free := [other for other in range(cores) if other not in core_of.values()])
            ]
            moves = [move for move in moves if move[2] > move[0]]
            if not moves:
                break
            slowest = min(moves, key=lambda move: (move[0], core_of[move[1]]))
            core_of[slowest[1]] = -slowest[3]
        memory_bound = sum(left[runner][0][0] == MEM for runner in core_of)
        rates: dict[int, Fraction] = {}
        for runner, core in core_of.items():
            rate = speed(core, set(core_of.values()) - {core}) / co_run[min(len(core_of), len(co_run)) - 1]
            if left[runner][0][0] == MEM:
                rate *= min(Fraction(1), curve[min(memory_bound, len(curve)) - 1] / memory_bound)
            rates[runner] = rate
        if finish(rates):
            continue  # faster than a moment ago, its nearest nanosecond is this one
        now += 1
        for runner, rate in rates.items():
            kind, work = left[runner][0]
            left[runner][0] = (kind, work - rate)
        finish(rates)
    return ended


@given(
    st.integers(1, 4).flatmap(
        lambda cores: st.tuples(
            st.just(cores),
            st.lists(
                st.lists(st.tuples(st.sampled_from([NOGIL, MEM]), st.integers(0, 60)), max_size=5),
                min_size=1,
                max_size=cores,
            ),
        )
    ),
    st.sampled_from([[1.0], [1.0, 1.25], [1.0, 1.0, 2.0], [1.25, 1.0]]),
    st.sampled_from([[1.0, 2.0, 3.0, 4.0], [1.0, 1.2, 1.5, 1.6], [1.0, 1.0, 0.75, 0.8]]),
    st.sampled_from([([1.0], 1, 1.0), ([1.0, 0.5], 1, 1.0), ([2.0, 1.0, 0.25], 1, 1.0), ([1.0], 2, 0.6)]),
    st.integers(3, 50),
)
@settings(deadline=None, max_examples=150)
def test_random_bursts_against_the_simulator_that_goes_step_by_step(
    case: tuple[int, list[list[Burst]]],
    co_run: list[float],
    curve: list[float],
    cores_are: tuple[list[float], int, float],
    quantum_ns: int,
) -> None:
    cores, scripts = case
    speeds, smt_threads, smt_factor = cores_are
    profile = replace(
        IDEAL,
        co_run=co_run,
        memory_bandwidth={"1": curve},
        core_speeds=speeds,
        smt_threads=smt_threads,
        smt_factor=smt_factor,
        quantum_ns=quantum_ns,
    )
    ended = play(Machine(Clock(), cores=cores, gil=False, profile=profile), scripts)
    assert ended == step_by_step(scripts, cores, profile)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([NOGIL, PY, MEM, SLEEP]), st.integers(0, 40)), max_size=6),
        min_size=1,
        max_size=7,
    ),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([([1.0, 1.3], 1, 1.0), ([2.0, 1.0, 0.3], 1, 1.0), ([1.0], 2, 0.6), ([1.5, 0.7], 2, 0.9)]),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=7, max_size=7),
)
@settings(deadline=None, max_examples=200)
def test_everybody_ends_whatever_the_speeds(
    scripts: list[list[Burst]],
    cores: int,
    gil: bool,
    cores_are: tuple[list[float], int, float],
    ranks: list[tuple[int, bool]],
) -> None:
    """With too few cores, forced drops, priorities and moves: nobody is lost, and a core has one runner at a time."""
    on_core: dict[str, int] = {}

    def watch(now: int, runner: Runner, op: Op) -> None:
        if op in (Op.PREEMPT, Op.GIL_REQUEST, Op.BLOCK, Op.SLEEP, Op.END):
            on_core.pop(runner.name, None)
        elif op is Op.RUN:
            on_core[runner.name] = now
            assert len(on_core) <= cores

    speeds, smt_threads, smt_factor = cores_are
    here = machine(
        cores,
        gil=gil,
        listener=watch,
        quantum_ns=7,
        context_switch_ns=2,
        gil_switch_interval_ns=11,
        gil_handover_ns=1,
        gil_release_ns=1,
        gil_contended_ns=2,
        co_run=[1.0, 1.1, 1.7],
        memory_bandwidth={"1000": [1.0, 1.9], "100000": [1.0, 1.1]},
        core_speeds=speeds,
        smt_threads=smt_threads,
        smt_factor=smt_factor,
    )
    runners = [Runner(f"t{number}") for number in range(len(scripts))]
    for number, runner in enumerate(runners):
        runner.working_set_bytes = [500, 5_000, 0, 1, 2_000_000, 7, 0][number]
        here.prioritise(runner, ranks[number][0], realtime=ranks[number][1])
    ended = run(here, scripts, runners)
    assert not on_core
    assert len(here.idle) == cores
    assert len(set(here.idle)) == cores
    for script, end, runner in zip(scripts, ended, runners, strict=True):
        here.settle(runner)
        assert sum(runner.time_in[:5]) == end
        asked_ns = sum(duration_ns for kind, duration_ns in script if kind != SLEEP)
        assert runner.time_in[RUNNING] >= asked_ns / max(speeds) - len(script)
