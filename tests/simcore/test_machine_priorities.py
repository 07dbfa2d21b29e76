"""Priorities on the machine: a fixed-priority schedule met tick by tick, equals in turn, inheritance at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.machine import RUNNING, Clock, Machine, Runner
from weft.simcore.profile import IDEAL

Task = tuple[int, list[int]]
"""When it becomes ready, and its bursts with a sleep of one between them."""


def play(cores: int, tasks: list[Task], priorities: list[int], *, quantum_ns: int = 1_000) -> list[int]:
    """When each task ended; priorities are set before the start."""
    machine = Machine(Clock(), cores=cores, gil=False, profile=replace(IDEAL, quantum_ns=quantum_ns))
    ended = [-1] * len(tasks)

    def follow(number: int) -> Callable[[Runner], None]:
        steps = [step for burst in tasks[number][1] for step in (burst, -1)][:-1]

        def go_on(runner: Runner) -> None:
            if not steps:
                ended[number] = machine.clock.now_ns
                machine.end(runner)
                return
            step = steps.pop(0)
            if step < 0:
                machine.sleep(runner, 1, go_on)
            else:
                machine.burst(runner, step, False, go_on)

        return go_on

    for number, (start, _) in enumerate(tasks):
        runner = Runner(f"t{number}")
        machine.prioritise(runner, priorities[number])
        machine.start(runner, start, follow(number))
    while machine.clock.pending:
        machine.clock.step()
        check(machine)
    return ended


def check(machine: Machine) -> None:
    """The queue is in order, and nobody waits in it for a less important runner that is in the middle of a burst."""
    queue = [runner.priority for runner in machine.queue]
    assert queue == sorted(queue, reverse=True)
    assert not (machine.queue and machine.idle)
    clock = machine.clock
    now = clock.now_ns
    if clock.due or (clock.entries and clock.entries[0][0] == now):
        return  # in the middle of an instant: whoever ends now gives its core away later in it
    for runner in machine.running:
        if queue and runner is not None and machine.is_burning(runner, now):
            assert runner.state == RUNNING
            assert runner.priority >= queue[0]


def fixed_priority_schedule(cores: int, tasks: list[Task], priorities: list[int]) -> list[int]:
    """Tick by tick: of the ready tasks the most important ``cores`` run for one tick."""
    ready_at = [start for start, _ in tasks]
    bursts = [[*burst] for _, burst in tasks]
    ended = [-1] * len(tasks)
    now = 0
    while any(bursts):
        ready = [number for number in range(len(tasks)) if bursts[number] and ready_at[number] <= now]
        for number in sorted(ready, key=lambda number: -priorities[number])[:cores]:
            bursts[number][0] -= 1
            if not bursts[number][0]:
                bursts[number].pop(0)
                ready_at[number] = now + 2
                ended[number] = now + 1
        now += 1
    return ended


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.integers(0, 12), st.lists(st.integers(1, 9), min_size=1, max_size=3)), min_size=1, max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_the_most_important_ready_threads_have_the_cores(cores: int, tasks: list[Task], random: Any) -> None:
    priorities = list(range(len(tasks)))
    random.shuffle(priorities)
    assert play(cores, tasks, priorities) == fixed_priority_schedule(cores, tasks, priorities)


def test_equals_share_in_turn_and_the_less_important_wait() -> None:
    """Two of priority 2 with slices of 4, and one of priority 1 that was there first."""
    ended = play(1, [(0, [6]), (1, [8]), (1, [8])], [1, 2, 2], quantum_ns=4)
    assert ended == [22, 13, 17]


@pytest.mark.parametrize(("raise_at", "ended"), [(3, [10, 58]), (-1, [60, 53])])
def test_a_ready_runner_that_is_raised_takes_the_core_back(raise_at: int, ended: list[int]) -> None:
    """low would compute from 0 to 10, medium takes its core at 3 for 50; raised at once, low goes on."""
    machine = Machine(Clock(), cores=1, gil=False, profile=IDEAL)
    low, medium = Runner("low"), Runner("medium")
    machine.prioritise(low, 1)
    machine.prioritise(medium, 2)
    times: dict[str, int] = {}

    def over(runner: Runner) -> None:
        times[runner.name] = machine.clock.now_ns
        machine.end(runner)

    machine.start(low, 0, lambda runner: machine.burst(runner, 10, False, over))
    machine.start(medium, 3, lambda runner: machine.burst(runner, 50 if raise_at < 0 else 48, False, over))
    if raise_at >= 0:
        machine.timer(raise_at, lambda: machine.prioritise(low, 9))
    while machine.clock.pending:
        machine.clock.step()
    assert [times["low"], times["medium"]] == ended


def test_a_runner_that_is_lowered_gives_way_at_its_next_burst() -> None:
    machine = Machine(Clock(), cores=1, gil=False, profile=IDEAL)
    first, second = Runner("first"), Runner("second")
    machine.prioritise(first, 3)
    machine.prioritise(second, 2)
    times: dict[str, int] = {}

    def over(runner: Runner) -> None:
        times[runner.name] = machine.clock.now_ns
        machine.end(runner)

    def lower(runner: Runner) -> None:
        machine.prioritise(runner, 1)
        machine.burst(runner, 5, False, over)

    machine.start(first, 0, lambda runner: machine.burst(runner, 5, False, lower))
    machine.start(second, 1, lambda runner: machine.burst(runner, 20, False, over))
    while machine.clock.pending:
        machine.clock.step()
    assert times == {"second": 25, "first": 30}
