"""Which idle core a runner gets where cores differ: fast ones and slow ones, hardware threads with a busy sibling.

It compares speeds; it moves nobody by itself.
"""

from __future__ import annotations

from .profile import Profile
from .runner import Runner


class Topology:
    """The cores of a machine: how fast each is, and which are hardware threads of one physical core.

    Cores ``n * smt_threads`` to ``(n + 1) * smt_threads - 1`` are siblings. Each of two or more busy siblings has
    ``smt_factor`` of its speed.
    """

    def __init__(self, cores: int, profile: Profile) -> None:
        given = profile.core_speeds or [1.0]
        self.speeds = [given[min(core, len(given) - 1)] for core in range(cores)]
        width = profile.smt_threads
        self.smt = width > 1 and profile.smt_factor != 1.0 and cores > 1
        self.factor = profile.smt_factor if self.smt else 1.0
        self.siblings = [
            [other for other in range(core - core % width, min(core - core % width + width, cores)) if other != core]
            for core in range(cores)
        ]
        self.differ = self.smt or len(set(self.speeds)) > 1
        """It matters which core somebody gets."""

    def speed(self, core: int, idle: list[int], leaving: int = -1) -> float:
        """How fast a runner would be on ``core`` while the ``idle`` ones, and the one it is ``leaving``, are idle."""
        if self.smt and any(other != leaving and other not in idle for other in self.siblings[core]):
            return self.speeds[core] * self.factor
        return self.speeds[core]

    def choose(self, runner: Runner, idle: list[int]) -> int:
        """For a ready runner: the fastest idle core, of equals its last one, else the one that became idle last."""
        last = runner.core
        best = max(range(len(idle)), key=lambda place: (self.speed(idle[place], idle), idle[place] == last, place))
        return idle[best]

    def better(self, runners: list[Runner], idle: list[int]) -> tuple[Runner, int] | None:
        """Who should move to an idle core, and to which: the slowest that would be faster there, if there is one."""
        for runner in sorted(runners, key=lambda runner: (self.speed(runner.core, idle), runner.core)):
            now = self.speed(runner.core, idle)
            core = max(idle, key=lambda core: self.speed(core, idle, runner.core))
            if self.speed(core, idle, runner.core) > now:
                return runner, core
        return None
