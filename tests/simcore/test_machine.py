"""The machine alone: closed formulas met exactly, and two independent formulations of the same model."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from weft.simcore.machine import BLOCKED, GIL, NOGIL, PY, READY, RUNNING, SLEEPING, Clock, Machine, Runner
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.trace import Op

MS = 1_000_000
Step = tuple[str, int]
"""``("py", ns)``, ``("nogil", ns)`` or ``("sleep", ns)``."""


def play(
    machine: Machine, scripts: list[list[Step]], starts: list[int] | None = None
) -> tuple[list[int], list[Runner]]:
    """Run each script on a runner of its own; the time each ended, and the runners."""
    ended = [-1] * len(scripts)
    runners = [Runner(f"t{number}") for number in range(len(scripts))]

    def follow(number: int) -> Any:
        left = iter(scripts[number])

        def go_on(runner: Runner) -> None:
            step = next(left, None)
            if step is None:
                ended[number] = machine.clock.now_ns
                machine.end(runner)
            elif step[0] == "sleep":
                machine.sleep(runner, step[1], go_on)
            else:
                machine.burst(runner, step[1], step[0] == "py", go_on)

        return go_on

    for number, runner in enumerate(runners):
        machine.start(runner, starts[number] if starts else 0, follow(number))
    while machine.clock.pending:
        machine.clock.step()
    for runner in runners:
        machine.settle(runner)
    return ended, runners


def machine(cores: int, gil: bool = False, profile: Profile = IDEAL, **more: Any) -> Machine:
    return Machine(Clock(), cores=cores, gil=gil, profile=profile, **more)


@pytest.mark.parametrize(("tasks", "cores"), [(1, 1), (3, 1), (4, 4), (8, 4), (12, 3), (5, 8)])
def test_equal_independent_tasks_take_tasks_over_cores(tasks: int, cores: int) -> None:
    ended, _ = play(machine(cores), [[("nogil", 30 * MS)]] * tasks)
    assert max(ended) == max(30 * MS, 30 * MS * tasks // cores)


def test_round_robin_response_times() -> None:
    """The textbook figure: bursts of 24, 3 and 3 with a slice of 4 end at 30, 7 and 10."""
    profile = replace(IDEAL, quantum_ns=4)
    ended, runners = play(machine(1, profile=profile), [[("nogil", 24)], [("nogil", 3)], [("nogil", 3)]])
    assert ended == [30, 7, 10]
    assert [runner.time_in[READY] for runner in runners] == [6, 4, 7]
    assert [runner.time_in[RUNNING] for runner in runners] == [24, 3, 3]


def test_no_slice_ends_while_nobody_waits() -> None:
    lonely = machine(2)
    play(lonely, [[("nogil", 1000 * MS)], [("nogil", 1000 * MS)]])
    assert lonely.slices == 4, "one event at the end of the first slice and one at the end of the burst"


def test_newcomer_takes_the_core_of_a_used_up_slice() -> None:
    profile = replace(IDEAL, quantum_ns=10)
    ended, _ = play(machine(1, profile=profile), [[("nogil", 100)], [("nogil", 5)]], starts=[0, 42])
    assert ended == [105, 47]


def test_newcomer_waits_for_the_end_of_a_running_slice() -> None:
    profile = replace(IDEAL, quantum_ns=10)
    ended, _ = play(machine(1, profile=profile), [[("nogil", 100)], [("nogil", 5)]], starts=[0, 4])
    assert ended == [105, 15]


def test_newcomer_takes_one_core_and_all_share_from_then_on() -> None:
    """Both are long beyond their slice at 50; the first gives way, the second begins a new slice, and then it is RR."""
    profile = replace(IDEAL, quantum_ns=10)
    ended, _ = play(machine(2, profile=profile), [[("nogil", 100)], [("nogil", 100)], [("nogil", 30)]], [0, 0, 50])
    assert ended == [120, 110, 90]


def test_context_switch_costs_core_time_between_threads_only() -> None:
    profile = replace(IDEAL, quantum_ns=10, context_switch_ns=1)
    ended, runners = play(machine(1, profile=profile), [[("nogil", 20)], [("nogil", 10)]])
    assert ended == [32, 21], "10, switch, 10, switch, 10"
    assert [runner.time_in[RUNNING] for runner in runners] == [21, 11]


def test_sleep_uses_no_core() -> None:
    ended, runners = play(machine(1), [[("sleep", 50 * MS), ("nogil", 2 * MS)], [("nogil", 50 * MS)]])
    assert ended == [52 * MS, 50 * MS]
    assert runners[0].time_in[SLEEPING] == 50 * MS


def test_sleep_of_nothing_lets_others_go_first() -> None:
    ended, _ = play(machine(1), [[("nogil", 1), ("sleep", 0), ("nogil", 1)], [("nogil", 1)]])
    assert ended == [3, 2]


def test_gil_serialises_python_and_lets_the_rest_scale() -> None:
    python, free = [[("py", 20 * MS)]] * 4, [[("nogil", 20 * MS)]] * 4
    assert max(play(machine(4, gil=True), python)[0]) == 80 * MS
    assert max(play(machine(4, gil=False), python)[0]) == 20 * MS
    assert max(play(machine(4, gil=True), free)[0]) == 20 * MS


def test_gil_is_dropped_after_the_switch_interval_in_turn() -> None:
    ended, runners = play(machine(2, gil=True), [[("py", 12 * MS)], [("py", 12 * MS)]])
    assert ended == [22 * MS, 24 * MS], "5 each in turn: 0-5 a, 5-10 b, 10-15 a, 15-20 b, 20-22 a, 22-24 b"
    assert [runner.time_in[GIL] for runner in runners] == [10 * MS, 12 * MS]


def test_gil_handover_delays_the_taker_and_leaves_the_core_free() -> None:
    profile = replace(IDEAL, gil_handover_ns=7)
    ended, runners = play(machine(1, gil=True, profile=profile), [[("py", 100)], [("py", 10)]])
    assert ended == [100, 110], "on one core the second asks only when the first has left: nobody is woken"
    ended, runners = play(machine(2, gil=True, profile=profile), [[("py", 100)], [("py", 10)]])
    assert ended == [100, 117], "on two it waits for the GIL and is woken at 100"
    profile = replace(profile, gil_switch_interval_ns=40)
    ended, runners = play(machine(2, gil=True, profile=profile), [[("py", 50)], [("py", 10)]])
    assert ended == [74, 57], "0-40 a, dropped, 47-57 b, woken again at 64, 64-74 a"
    assert runners[0].time_in[GIL] == 24


def test_gil_stays_with_a_thread_that_loses_its_core() -> None:
    """One core, a slice of 10: the free burst runs in the other's pause, a second Python thread does not."""
    profile = replace(IDEAL, quantum_ns=10)
    scripts: list[list[Step]] = [[("py", 30)], [("nogil", 10)], [("py", 5)]]
    ended, runners = play(machine(1, gil=True, profile=profile), scripts)
    assert ended == [40, 20, 45]
    assert runners[2].time_in[GIL] == 20, "asks at 20 when it gets the core first, gets the GIL at 40"
    assert runners[2].time_in[READY] == 20


def test_gil_is_free_during_sleep_and_free_bursts() -> None:
    scripts: list[list[Step]] = [[("py", 2), ("nogil", 10), ("py", 2)], [("py", 10)]]
    ended, _ = play(machine(2, gil=True), scripts)
    assert ended == [14, 12]
    scripts = [[("py", 2), ("sleep", 10), ("py", 2)], [("py", 10)]]
    ended, _ = play(machine(2, gil=True), scripts)
    assert ended == [14, 12]


def test_running_thread_takes_a_free_gil_before_the_woken_waiter() -> None:
    profile = replace(IDEAL, gil_handover_ns=100)
    scripts: list[list[Step]] = [[("py", 10), ("nogil", 5), ("py", 200)], [("py", 10)]]
    ended, _ = play(machine(2, gil=True, profile=profile), scripts)
    assert ended == [215, 325], "the second wakes at 110, finds the GIL taken at 15, and is woken again at 215"


def test_blocked_runner_waits_until_woken_and_the_delay_counts_as_blocked() -> None:
    here = machine(1)
    runner, times = Runner("blocked"), []

    def blocked(runner: Runner) -> None:
        here.block(runner, woken)

    def woken(runner: Runner) -> None:
        times.append(here.clock.now_ns)
        here.end(runner)

    here.start(runner, 0, blocked)
    here.timer(30, lambda: here.wake(runner, 5))
    cancelled = here.timer(10, lambda: times.append(-1))
    here.cancel(cancelled)
    while here.clock.pending:
        here.clock.step()
    assert times == [35]
    assert runner.time_in[BLOCKED] == 35


def test_states_and_cores_are_reported_in_order() -> None:
    seen: list[tuple[int, str, Op]] = []
    profile = replace(IDEAL, quantum_ns=10)
    here = machine(1, gil=True, profile=profile, listener=lambda now, runner, op: seen.append((now, runner.name, op)))
    play(here, [[("py", 15)], [("py", 5)]])
    assert seen == [
        (0, "t0", Op.READY),
        (0, "t0", Op.RUN),
        (0, "t0", Op.GIL_ACQUIRE),
        (0, "t1", Op.READY),
        (10, "t0", Op.PREEMPT),
        (10, "t1", Op.RUN),
        (10, "t1", Op.GIL_REQUEST),
        (10, "t0", Op.RUN),
        (15, "t0", Op.GIL_RELEASE),
        (15, "t0", Op.END),
        (15, "t1", Op.READY),
        (15, "t1", Op.RUN),
        (15, "t1", Op.GIL_ACQUIRE),
        (20, "t1", Op.GIL_RELEASE),
        (20, "t1", Op.END),
    ]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"cores": 0}, "cores is 0"),
        ({"cores": 1, "profile": replace(IDEAL, quantum_ns=0)}, "quantum_ns is 0"),
        ({"cores": 1, "profile": replace(IDEAL, memory_bandwidth={"1": []})}, "memory_bandwidth is "),
        ({"cores": 1, "profile": replace(IDEAL, gil_switch_interval_ns=0)}, "gil_switch_interval_ns is 0"),
    ],
)
def test_impossible_machines_are_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Machine(Clock(), **values)


def test_runner_that_is_not_on_a_core_cannot_compute() -> None:
    with pytest.raises(RuntimeError, match="cannot compute"):
        machine(1).burst(Runner("lost"), 1, False, lambda runner: None)
    with pytest.raises(RuntimeError, match="not blocked"):
        machine(1).wake(Runner("lost"))


steps = st.tuples(st.sampled_from(["py", "nogil", "sleep"]), st.integers(0, 40))
programs = st.lists(st.lists(steps, max_size=5), min_size=1, max_size=6)


@given(
    programs,
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0, 1, 10, 1000]),
    st.booleans(),
)
@settings(deadline=None)
def test_time_is_conserved(
    scripts: list[list[Step]], cores: int, gil: bool, switch_ns: int, handover_ns: int, balance_ns: int, fluid: bool
) -> None:
    """Every runner ends, its states fill its life, it burns what it asked for, and nothing is used twice."""
    profile = replace(
        IDEAL,
        quantum_ns=7,
        context_switch_ns=switch_ns,
        balance_ns=balance_ns,
        gil_handover_ns=handover_ns,
        gil_switch_interval_ns=11,
        co_run=[1.0, 1.0] if not fluid else [1.0, 1.0 + 1e-12],
    )
    running: set[str] = set()
    owners: list[str] = []

    def watch(now: int, runner: Runner, op: Op) -> None:
        if op is Op.RUN:
            running.add(runner.name)
            assert len(running) <= cores
        elif op is Op.GIL_ACQUIRE:
            owners.append(runner.name)
            assert here.gil is not None
            assert here.gil.owner is runner
        elif op is not Op.GIL_RELEASE:
            running.discard(runner.name)

    here = machine(cores, gil=gil, profile=profile, listener=watch)
    ended, runners = play(here, scripts)
    assert min(ended) >= 0
    assert not running
    assert here.gil is None or (here.gil.owner is None and not here.gil.waiters)
    for script, end, runner in zip(scripts, ended, runners, strict=True):
        assert sum(runner.time_in[:5]) == end
        asked = sum(ns for kind, ns in script if kind != "sleep")
        assert runner.time_in[RUNNING] >= asked
        if switch_ns == 0:
            assert runner.time_in[RUNNING] == asked
        assert runner.time_in[SLEEPING] == sum(ns for kind, ns in script if kind == "sleep")
    assert gil or not owners


def shared_out(cores: int, balance_ns: int, works: list[int], **more: Any) -> list[int]:
    """When threads that only compute end, each with a slice of 1 ms."""
    profile = replace(IDEAL, quantum_ns=MS, balance_ns=balance_ns, **more)
    return play(machine(cores, profile=profile), [[("nogil", work)] for work in works])[0]


@pytest.mark.parametrize("co_run", [[], [1.0, 1.0 + 1e-12]])
@pytest.mark.parametrize(("cores", "balance_ns"), [(2, 0), (2, 10 * MS), (2, 25 * MS), (2, 90 * MS), (3, 10 * MS)])
def test_a_core_that_is_idle_takes_others_work_after_a_delay(cores: int, balance_ns: int, co_run: list[float]) -> None:
    """A thread more than cores, 40 ms each: two share a core, and after 40 ms and the delay they have two."""
    ended = shared_out(cores, balance_ns, [40 * MS] * (cores + 1), co_run=co_run)
    if not balance_ns:
        assert max(ended) == pytest.approx(60 * MS, abs=2 * MS), "all take turns on all cores"
    else:
        assert sorted(ended)[: cores - 1] == [40 * MS] * (cores - 1)
        assert max(ended) == pytest.approx(60 * MS + min(balance_ns, 40 * MS) / 2, abs=MS)


def test_threads_are_shared_out_evenly_and_stay_at_their_cores() -> None:
    assert shared_out(2, 500 * MS, [10 * MS, 20 * MS, 10 * MS, 20 * MS]) == pytest.approx(
        [19e6, 39e6, 20e6, 40e6], abs=MS
    )


def test_who_wakes_goes_to_an_idle_core_and_else_to_its_own() -> None:
    """The first had one core; when it wakes at 4 ms the other one is idle, and at 25 both are busy: it is at home there."""
    profile = replace(IDEAL, quantum_ns=10 * MS, balance_ns=500 * MS)
    scripts: list[list[Step]] = [
        [("nogil", MS), ("sleep", 3 * MS), ("nogil", MS), ("sleep", 20 * MS), ("nogil", MS)],
        [("nogil", 2 * MS), ("sleep", 7 * MS), ("nogil", 100 * MS)],
        [("nogil", 100 * MS)],
    ]
    here = machine(2, profile=profile)
    ended, runners = play(here, scripts)
    assert ended == [26 * MS, 110 * MS, 101 * MS], "only the second thread, beyond its slice at 25, gives way"
    assert runners[0].time_in[READY] == 0


@given(programs, st.integers(1, 4), st.integers(1, 30))
@settings(deadline=None)
def test_nobody_waits_longer_than_the_delay_for_an_idle_core(
    scripts: list[list[Step]], cores: int, balance_ns: int
) -> None:
    """While somebody is ready, a core is idle for the delay at most; and never at all for who was there last."""
    ready: dict[str, Runner] = {}
    idle_since: dict[int, int] = dict.fromkeys(range(cores), 0)

    def watch(now: int, runner: Runner, op: Op) -> None:
        ready.pop(runner.name, None)
        if op is Op.RUN:
            ready.pop(runner.name, None)
        elif op in (Op.READY, Op.PREEMPT):
            ready[runner.name] = runner
        for waiting in ready.values():
            if waiting is not runner:
                longest = max((now - since for since in idle_since.values()), default=0)
                assert longest <= balance_ns, (waiting, now)

    here = machine(cores, profile=replace(IDEAL, quantum_ns=7, balance_ns=balance_ns), listener=watch)
    rest, dispatch = here._rest, here._dispatch

    def resting(core: int) -> None:
        idle_since[core] = here.clock.now_ns
        rest(core)

    def dispatched(core: int, now: int, switch_ns: int) -> None:
        idle_since.pop(core, None)
        dispatch(core, now, switch_ns)

    here._rest, here._dispatch = resting, dispatched  # type: ignore[method-assign]
    ended, _ = play(here, scripts)
    assert min(ended) >= 0


def list_schedule(durations: list[int], cores: int) -> list[int]:
    """An oracle: jobs in order, each to the core that is free first."""
    free = [0] * cores
    ends: list[int] = []
    for duration in durations:
        end = heapq.heappop(free) + duration
        ends.append(end)
        heapq.heappush(free, end)
    return ends


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(1, 5))
@settings(deadline=None)
def test_long_slices_make_it_a_list_scheduler(durations: list[int], cores: int) -> None:
    profile = replace(IDEAL, quantum_ns=10**9)
    ended, _ = play(machine(cores, profile=profile), [[("nogil", duration)] for duration in durations])
    assert ended == list_schedule(durations, cores)


def round_robin(durations: list[int], quantum: int) -> list[int]:
    """An oracle that goes nanosecond by nanosecond; a slice that is used up ends as soon as somebody waits."""
    queue = deque(range(len(durations)))
    left = list(durations)
    ends = [0] * len(durations)
    now = 0
    while queue:
        job = queue.popleft()
        slice_end = now + quantum
        while left[job] and (now < slice_end or not queue):
            now += 1
            left[job] -= 1
        if left[job]:
            queue.append(job)
        else:
            ends[job] = now
    return ends


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(1, 9))
@settings(deadline=None)
def test_one_core_round_robin_against_a_tick_by_tick_oracle(durations: list[int], quantum: int) -> None:
    profile = replace(IDEAL, quantum_ns=quantum)
    ended, _ = play(machine(1, profile=profile), [[("nogil", duration)] for duration in durations])
    assert ended == round_robin(durations, quantum)


@given(programs, st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_equal_inputs_give_equal_histories(scripts: list[list[Step]], cores: int) -> None:
    histories: list[list[tuple[int, str, Op]]] = []
    for _ in range(2):
        seen: list[tuple[int, str, Op]] = []
        here = machine(
            cores,
            gil=True,
            profile=replace(IDEAL, quantum_ns=5, gil_switch_interval_ns=8),
            listener=lambda now, runner, op, seen=seen: seen.append((now, runner.name, op)),
        )
        play(here, scripts)
        histories.append(seen)
    assert histories[0] == histories[1]


@given(programs, st.integers(1, 4), st.booleans(), st.integers(0, 2), st.booleans())
@settings(deadline=None)
def test_bursts_at_once_change_nothing(
    scripts: list[list[Step]], cores: int, gil: bool, switch_ns: int, strict: bool
) -> None:
    """Whatever can be burned at once would have ended at the same time, in the same order, with as many slices."""
    histories: list[Any] = []
    shortened = 0
    for at_once in (False, True):
        seen: list[tuple[int, str, Op]] = []
        here = machine(
            cores,
            gil=gil,
            profile=replace(IDEAL, quantum_ns=7, context_switch_ns=switch_ns, gil_switch_interval_ns=11),
            listener=lambda now, runner, op, seen=seen: seen.append((now, runner.name, op)),
        )
        runners = [Runner(f"t{number}") for number in range(len(scripts))]

        def follow(script: list[Step], here: Machine = here, at_once: bool = at_once) -> Any:
            left = iter(script)

            def go_on(runner: Runner) -> None:
                nonlocal shortened
                for name, duration_ns in left:
                    kind = PY if name == "py" else NOGIL
                    if name == "sleep":
                        here.sleep(runner, duration_ns, go_on)
                        return
                    if not (at_once and here.burst_at_once(runner, duration_ns, kind)):
                        here.burst(runner, duration_ns, kind, go_on)
                        return
                    shortened += duration_ns > 0
                here.end(runner)

            return go_on

        for number, thread in enumerate(runners):
            if strict:
                here.prioritise(thread, number % 2)
            here.start(thread, 3 * number, follow(scripts[number]))
        while here.clock.pending:
            here.clock.step()
        histories.append((seen, here.slices, [thread.time_in for thread in runners], here.clock.now_ns))
    assert histories[0] == histories[1]
    event(f"shortened {min(shortened, 3)}")


def test_a_burst_at_once_takes_the_time_and_the_slices() -> None:
    here = machine(1, profile=replace(IDEAL, quantum_ns=10))
    times: list[tuple[int, int]] = []

    def go_on(runner: Runner) -> None:
        assert here.burst_at_once(runner, 25, NOGIL)
        times.append((here.clock.now_ns, here.slices))
        here.timer(30, lambda: None)
        assert not here.burst_at_once(runner, 30, NOGIL), "the timer goes off at that instant"
        assert here.burst_at_once(runner, 29, NOGIL)
        times.append((here.clock.now_ns, here.slices))
        here.end(runner)

    here.start(Runner("alone"), 0, go_on)
    while here.clock.pending:
        here.clock.step()
    assert times == [(25, 2), (54, 3)]
