"""Devices with a limited number of servers: closed forms, and SimPy's own Resource."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.machine import NOGIL, PY, SLEEPING, Clock, Device, Machine, Runner
from weft.simcore.profile import IDEAL

Step = tuple[int, int]
"""Nanoseconds of computing, then of service."""


def play(machine: Machine, device: Device, scripts: list[list[Step]], kind: int = NOGIL) -> tuple[list[int], list[int]]:
    """When each runner ended and how long it slept."""
    ended = [-1] * len(scripts)

    def follow(number: int) -> Callable[[Runner], None]:
        left = [step for pair in scripts[number] for step in zip((True, False), pair, strict=True)]

        def go_on(runner: Runner) -> None:
            if not left:
                ended[number] = machine.clock.now_ns
                machine.end(runner)
                return
            computing, duration_ns = left.pop(0)
            if computing:
                machine.burst(runner, duration_ns, kind, go_on)
            else:
                machine.io(runner, device, duration_ns, go_on)

        return go_on

    runners = [Runner(f"t{number}") for number in range(len(scripts))]
    for number, runner in enumerate(runners):
        machine.start(runner, 0, follow(number))
    while machine.clock.pending:
        machine.clock.step()
        assert device.busy <= device.servers
        assert device.busy == device.servers or not device.waiting
    assert device.busy == 0
    return ended, [runner.time_in[SLEEPING] for runner in runners]


@pytest.mark.parametrize(("servers", "ended"), [(1, [10, 20, 30]), (2, [10, 10, 20]), (3, [10, 10, 10])])
def test_as_many_are_served_at_a_time_as_there_are_servers(servers: int, ended: list[int]) -> None:
    machine = Machine(Clock(), cores=1, profile=IDEAL)
    assert play(machine, Device("disk", servers), [[(0, 10)]] * 3) == (ended, ended)


def test_service_uses_no_core_and_no_gil() -> None:
    """One core and the GIL: the first computes 0-5 and is served until 25, the second computes meanwhile."""
    ended, _ = play(Machine(Clock(), cores=1, profile=IDEAL), Device("disk", 1), [[(5, 20)], [(18, 0)]], PY)
    assert ended == [25, 25], "the second asks at 23 and waits for its turn"


def test_service_of_no_time_takes_its_turn() -> None:
    ended, _ = play(Machine(Clock(), cores=2, profile=IDEAL), Device("disk", 1), [[(0, 7)], [(1, 0)]])
    assert ended == [7, 7]


def test_device_without_servers_is_refused() -> None:
    with pytest.raises(ValueError, match="device 'disk' has servers=0; give it 1 or more"):
        Device("disk", 0)


@given(st.integers(0, 1 << 32), st.integers(1, 7), st.integers(1, 4))
@settings(deadline=None)
def test_random_requests_against_a_resource_of_simpy(seed: int, threads: int, servers: int) -> None:
    drawn = random.Random(seed)
    scripts = [
        [(drawn.randint(0, 10**9), drawn.randint(0, 10**9)) for _ in range(drawn.randint(0, 5))] for _ in range(threads)
    ]
    env: Any = simpy.Environment(0)
    resource = simpy.Resource(env, servers)
    ends: list[int] = [0] * threads

    def live(number: int) -> Generator[Any, Any, None]:
        for computing_ns, service_ns in scripts[number]:
            yield env.timeout(computing_ns)
            with resource.request() as turn:
                yield turn
                yield env.timeout(service_ns)
        ends[number] = env.now

    for number in range(threads):
        env.process(live(number))
    env.run()
    machine = Machine(Clock(), cores=threads, gil=False, profile=IDEAL)
    assert play(machine, Device("disk", servers), scripts)[0] == ends
