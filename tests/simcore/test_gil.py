"""The GIL on the machine: what giving it up costs, and every hand-over against the same rules as SimPy processes."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.machine import GIL, MEM, NOGIL, PY, RUNNING, Clock, Machine, Runner
from weft.simcore.profile import IDEAL

Step = tuple[int, int]
"""Kind of burst and nanoseconds; kind -1 sleeps."""
SLEEP = -1


def play(scripts: list[list[Step]], cores: int = 8, **terms: int) -> tuple[list[int], list[Runner]]:
    machine = Machine(Clock(), cores=cores, profile=replace(IDEAL, **terms))
    ended = [-1] * len(scripts)
    runners = [Runner(f"t{number}") for number in range(len(scripts))]

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
    return ended, runners


def test_giving_it_up_for_a_computation_costs_a_release() -> None:
    terms = {"gil_release_ns": 3, "gil_contended_ns": 5}
    assert play([[(PY, 10), (NOGIL, 20), (PY, 10)]], **terms)[0] == [43]
    assert play([[(PY, 10), (MEM, 20), (PY, 10)]], **terms)[0] == [43]
    assert play([[(PY, 10), (PY, 20)]], **terms)[0] == [30], "kept"
    assert play([[(PY, 10), (NOGIL, 0), (PY, 10)]], **terms)[0] == [20], "no time, no system call"
    assert play([[(PY, 10), (SLEEP, 20), (PY, 10)]], **terms)[0] == [40], "the hand-over of who blocks contains it"
    assert play([[(NOGIL, 20), (NOGIL, 20)]], **terms)[0] == [40], "it was never taken"


def test_giving_it_up_costs_more_while_others_wait() -> None:
    """t1 waits from 0 and has it from 10 to 110; t0 computes 20 + 3 + 5 until 38 and waits."""
    scripts = [[(PY, 10), (NOGIL, 20), (PY, 10)], [(PY, 100)]]
    ended, runners = play(scripts, gil_release_ns=3, gil_contended_ns=5)
    assert ended == [120, 110]
    assert runners[0].time_in[RUNNING] == 48
    assert runners[0].time_in[GIL] == 72


def test_short_releases_thrash_and_long_ones_scale() -> None:
    """Two threads, 100 operations each of which 9 parts of 10 are free: the fixed cost of a release eats short ones."""

    def speedup(free_ns: int) -> float:
        script = [(PY, free_ns // 9), (NOGIL, free_ns)] * 100
        terms = {"gil_release_ns": 100, "gil_contended_ns": 900, "gil_handover_ns": 4_000}
        alone = max(play([script, []], **terms)[0])
        return 2 * alone / max(play([script, script], **terms)[0])

    assert speedup(900) < 1.3
    assert speedup(90_000) > 1.7


def test_an_owner_without_a_core_drops_it_at_its_next_python_instruction() -> None:
    """One core, slices of 10: t2 asks at 20 and its interval is over at 35, in t1's slice; t0 is back on the core at 40
    and hands over at once."""
    scripts = [[(PY, 100)], [(NOGIL, 35)], [(PY, 5)]]
    ended, runners = play(scripts, cores=1, quantum_ns=10, gil_switch_interval_ns=15)
    assert ended == [140, 60, 55]
    assert runners[2].time_in[GIL] == 20


class PlainThread:
    """The same rules in the usual SimPy style: a process that waits for events and is interrupted."""

    def __init__(self, model: PlainGil, script: list[Step]) -> None:
        self.model = model
        self.script = script
        self.ended = -1
        self.asked_at = 0
        self.tenure_start = 0
        self.granted: Any = None
        self.burns = False
        self.process = model.env.process(self.live())

    def live(self) -> Generator[Any, Any, None]:
        model = self.model
        for kind, duration_ns in self.script:
            if kind == PY:
                yield from self.run_python(duration_ns)
            else:
                if model.owner is self:
                    model.release()
                yield model.env.timeout(duration_ns)
        if model.owner is self:
            model.release()
        self.ended = model.env.now

    def run_python(self, left_ns: int) -> Generator[Any, Any, None]:
        model, env = self.model, self.model.env
        while left_ns:
            if model.owner is not self:
                yield from self.take()
            limit_ns = left_ns
            if model.waiting:
                due = max(self.tenure_start, model.waiting[0].asked_at) + model.interval_ns
                limit_ns = min(left_ns, due - env.now)
            began = env.now
            self.burns = True
            try:
                yield env.timeout(limit_ns)
            except simpy.Interrupt:
                left_ns -= env.now - began
                continue
            finally:
                self.burns = False
            left_ns -= limit_ns
            if left_ns:
                model.hand_over(self)

    def take(self) -> Generator[Any, Any, None]:
        """Wait for one's turn; who was woken and finds it taken waits again, at the front."""
        model, env = self.model, self.model.env
        first = False
        while model.owner is not self and model.owner is not None:
            if self not in model.waiting:
                self.asked_at = env.now
                model.waiting.insert(0 if first else len(model.waiting), self)
                model.look_again()
            self.granted = env.event()
            yield self.granted
            yield env.timeout(model.handover_ns)
            first = True
        model.owner = self
        self.tenure_start = env.now


class PlainGil:
    def __init__(self, scripts: list[list[Step]], interval_ns: int, handover_ns: int) -> None:
        self.env: Any = simpy.Environment(0)
        self.interval_ns = interval_ns
        self.handover_ns = handover_ns
        self.owner: PlainThread | None = None
        self.waiting: list[PlainThread] = []
        self.threads = [PlainThread(self, script) for script in scripts]

    def look_again(self) -> None:
        """Somebody asks: the owner has a deadline now."""
        if self.owner is not None and self.owner.burns:
            self.owner.burns = False
            self.owner.process.interrupt()

    def release(self) -> None:
        self.owner = None
        if self.waiting:
            self.waiting.pop(0).granted.succeed()

    def hand_over(self, former: PlainThread) -> None:
        self.owner = self.waiting.pop(0)
        self.owner.granted.succeed()
        former.asked_at = self.env.now
        self.waiting.append(former)


@given(st.integers(0, 1 << 32), st.integers(1, 5), st.sampled_from([0, 1_234_567]))
@settings(deadline=None, max_examples=200)
def test_hand_overs_and_forced_drops_against_simpy_processes(seed: int, threads: int, handover_ns: int) -> None:
    """Durations are drawn from a million times more values than there are events: the two may break ties otherwise."""
    drawn = random.Random(seed)
    scripts = [
        [(drawn.choice([PY, PY, NOGIL, SLEEP]), drawn.randint(1, 10**9)) for _ in range(drawn.randint(1, 6))]
        for _ in range(threads)
    ]
    interval_ns = drawn.randint(10**6, 10**9)
    model = PlainGil(scripts, interval_ns, handover_ns)
    model.env.run()
    ended, _ = play(scripts, gil_switch_interval_ns=interval_ns, gil_handover_ns=handover_ns)
    assert ended == [thread.ended for thread in model.threads]
