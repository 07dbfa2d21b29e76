"""A virtual thread as the simulated machine sees it: a runner that owes CPU time.

It remembers where its thread stands, and decides nothing.
"""

from __future__ import annotations

from typing import Any

from .machine import Alarm, Runner
from .threads import VirtualThread
from .trace import NOTHING
from .world import Operation


class Lane(Runner):
    """A virtual thread on the machine, with the CPU time it owes: burned when it comes to an operation."""

    __slots__ = (
        "blocked_before",
        "debt_gil",
        "debt_ns",
        "earlier",
        "idle_ns",
        "index",
        "operation",
        "result",
        "resumed_at",
        "site",
        "sleep_ns",
        "thread",
        "timed_out",
        "timer",
    )

    def __init__(self, thread: VirtualThread) -> None:
        super().__init__(thread.name)
        self.thread = thread
        self.index = thread.index
        self.debt_ns = 0
        self.debt_gil = True
        self.earlier: list[tuple[int, bool]] = []
        """Bursts owed before the current one, when they differ in needing the GIL."""
        self.operation: Operation | None = None
        """What it is about to do or waits for."""
        self.result: Any = None
        """What the operation returned that took effect while the thread was off its core."""
        self.sleep_ns = -1
        """How long it is about to sleep; -1: not at all."""
        self.resumed_at = 0
        """Real time since which its current segment runs."""
        self.site = NOTHING
        self.timer: Alarm | None = None
        self.timed_out = False
        self.blocked_before = 0
        self.idle_ns = 0
        """The part of its blocked time in which nobody was in its way."""

    def owe(self, duration_ns: int, gil: bool) -> None:
        if self.debt_gil is not gil:
            if self.debt_ns:
                self.earlier.append((self.debt_ns, self.debt_gil))
                self.debt_ns = 0
            self.debt_gil = gil
        self.debt_ns += duration_ns
