"""A virtual thread as the simulated machine sees it: a runner that owes CPU time.

It remembers where its thread stands, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .clock import Alarm
from .devices import Device
from .runner import PY, Runner
from .threads import VirtualThread
from .trace import NOTHING
from .world import Operation

WAIT = 3
"""Beside the machine's kinds of bursts: time in which the thread waits outside of Python, for a disk, say."""


class Lane(Runner):
    """A virtual thread on the machine, with the time it owes: spent when it comes to an operation."""

    __slots__ = (
        "blocked_before",
        "debt_bytes",
        "debt_kind",
        "debt_ns",
        "device",
        "earlier",
        "idle_ns",
        "in_call",
        "index",
        "operation",
        "origin",
        "place",
        "planned",
        "result",
        "resumed_at",
        "sent",
        "site",
        "sleep_ns",
        "started",
        "taken",
        "thread",
        "timed_out",
        "timer",
    )

    def __init__(self, thread: VirtualThread) -> None:
        super().__init__(thread.name)
        self.thread = thread
        self.index = thread.index
        self.origin = 0
        """What it works at (``origins``), itself or an item that it took over."""
        self.started = 0
        """How many threads it has started in the course of that."""
        self.sent = 0
        """How many items it has handed over in the course of that."""
        self.debt_ns = 0
        self.debt_kind = PY
        self.debt_bytes = 0
        """How much memory the debt goes over, if it is bound by that."""
        self.earlier: list[tuple[int, int, int]] = []
        """What is owed before that: (nanoseconds, kind, bytes)."""
        self.operation: Operation | None = None
        """What it is about to do or waits for."""
        self.result: Any = None
        """What the operation returned that took effect while the thread was off its core."""
        self.sleep_ns = -1
        """How long it is about to sleep; -1: not at all."""
        self.device: Device | None = None
        """What it sleeps for, if not just for the time."""
        self.in_call = False
        """It is in C code that has let go of the GIL."""
        self.resumed_at = 0
        """Real time since which its current segment runs."""
        self.place = 0
        """Where its current segment began (``sites``)."""
        self.planned: dict[int, Iterator[tuple[int, int]]] = {}
        """What its segments are to take, by the places where they begin and end."""
        self.taken: dict[int, list[tuple[int, int]]] = {}
        """What they really took."""
        self.site = NOTHING
        self.timer: Alarm | None = None
        self.timed_out = False
        self.blocked_before = 0
        self.idle_ns = 0
        """The part of its blocked time in which nobody was in its way."""

    def owe(self, duration_ns: int, kind: int, memory_bytes: int = 0) -> None:
        if self.debt_kind != kind or self.debt_bytes != memory_bytes:
            if self.debt_ns:
                self.earlier.append((self.debt_ns, self.debt_kind, self.debt_bytes))
                self.debt_ns = 0
            self.debt_kind = kind
            self.debt_bytes = memory_bytes
        self.debt_ns += duration_ns
