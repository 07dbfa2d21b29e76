"""Strategies that draw schedules at random: uniform, PCT, POS; and ``once``, a single fair run."""

from __future__ import annotations

import random
from math import inf

from ...simcore.explored import ExploredWorld
from ...simcore.threads import VirtualThread
from ...simcore.world import Operation
from .dpor import Key, dependent, key_of


class _Sampling:
    """What the random strategies share: a generator seeded per execution, and no notion of being done."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.executions = 0
        self.redundant = 0
        self.infeasible = 0
        self.deadline = inf
        self.truncated = False
        self.steps_max = 1
        self.random = random.Random(f"{seed}/0")
        self.start()

    def start(self) -> None:
        """Called before each execution."""

    @staticmethod
    def candidates(world: ExploredWorld) -> list[VirtualThread]:
        """Every thread that may move; threads that wait for a change are let go when nobody else can."""
        while True:
            found = [thread for thread in world.live if world.enabled(thread)]
            if found or not world.release_patient():
                return found

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        return

    def finished(self, world: ExploredWorld) -> None:
        self.steps_max = max(self.steps_max, world.step)

    def next_execution(self) -> bool:
        self.executions += 1
        self.random = random.Random(f"{self.seed}/{self.executions}")
        self.start()
        return True


class Uniform(_Sampling):
    """Every thread that may move is equally likely at every step."""

    name = "random"

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        candidates = self.candidates(world)
        return self.random.choice(candidates) if candidates else None


class Pct(_Sampling):
    """Probabilistic concurrency testing with ``depth`` - 1 priority change points.

    A bug of depth d in a program of n threads and k steps is found by one execution with probability at least
    1 / (n k^(d-1)) (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010, section 3). Deviation: k is the longest
    execution seen so far, and a thread that only looked around drops to the lowest priority, so that spinning ends.
    """

    name = "pct"

    def __init__(self, seed: int, depth: int = 3) -> None:
        self.depth = depth
        super().__init__(seed)

    def start(self) -> None:
        self.priorities: dict[int, float] = {}
        self.lowest = 0.0
        points = range(1, max(self.steps_max, self.depth))
        self.change_points = set(self.random.sample(points, min(self.depth - 1, len(points))))

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        candidates = self.candidates(world)
        if not candidates:
            return None
        priorities = self.priorities
        for thread in candidates:
            if thread.uid not in priorities:
                priorities[thread.uid] = 1 + self.random.random()
        if last.yielded or world.step in self.change_points:
            last.yielded = False
            self.lowest -= 1
            priorities[last.uid] = self.lowest
        return max(candidates, key=lambda thread: priorities[thread.uid])


class Pos(_Sampling):
    """Partial order sampling: each pending step draws a priority, and draws again when a dependent step was taken
    (Yuan, Yang, Gu, CAV 2018, Algorithm 1)."""

    name = "pos"

    def start(self) -> None:
        self.priorities: dict[int, float] = {}
        self.keys: dict[int, Key] = {}

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        candidates = self.candidates(world)
        if not candidates:
            return None
        for thread in candidates:
            if thread.uid not in self.priorities:
                operation = thread.pending
                assert operation is not None
                self.priorities[thread.uid] = self.random.random()
                self.keys[thread.uid] = key_of(operation, operation.pending)
        return max(candidates, key=lambda thread: self.priorities[thread.uid])

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        if operation.local:
            return
        key = key_of(operation, code)
        self.priorities.pop(thread.uid, None)
        for uid in [uid for uid, other in self.keys.items() if uid in self.priorities and dependent(other, key)]:
            del self.priorities[uid]


class Once(_Sampling):
    """One execution that runs each thread until it has to wait."""

    name = "once"

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        return world.continue_fairly(last, {})

    def next_execution(self) -> bool:
        return False
