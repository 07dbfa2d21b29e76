"""What every thread did when, from a timed trace with scheduler events: stretches in one state, and what it computed.

It reads one thread at a time; who waited for whom, and which of it mattered, is for others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..simcore.trace import NOTHING, Op, Trace

Doing = Literal["running", "ready", "blocked", "gil", "sleeping"]
_ENTERED: dict[int, Doing] = {
    Op.RUN: "running",
    Op.READY: "ready",
    Op.PREEMPT: "ready",
    Op.BLOCK: "blocked",
    Op.GIL_REQUEST: "gil",
    Op.SLEEP: "sleeping",
}
_MACHINE = frozenset({Op.RUN, Op.READY, Op.PREEMPT, Op.GIL_REQUEST, Op.GIL_ACQUIRE, Op.GIL_RELEASE})
"""What the machine does with a thread in the middle of its code."""
_SLOWED_MAX = 1.5
"""Code that took up to so much longer than was noted for it was slowed down (by other cores, say); what goes beyond is
code that nothing was noted for."""


class NoTimeline(ValueError):
    """The trace does not say what threads did on a machine."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A thread in one state, from one event to another (indices). ``object`` is what it was blocked on, if anything."""

    doing: Doing
    start_ns: int
    end_ns: int
    first: int
    last: int
    object: int
    location: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Code that ran without interruption. ``location`` is where it is, or else the operation it led to; ``kind`` is its
    class (``py``, ``nogil``, ``mem``), empty where nothing was noted."""

    start_ns: int
    end_ns: int
    location: int
    kind: str


@dataclass(slots=True)
class History:
    """One thread's stretches and pieces, each in order of time and without gaps or overlaps."""

    stretches: list[Stretch] = field(default_factory=list[Stretch])
    pieces: list[Piece] = field(default_factory=list[Piece])
    _firsts: list[int] = field(default_factory=list[int])
    _starts: list[int] = field(default_factory=list[int])

    def index_at(self, event: int) -> int:
        """Which stretch the thread was in when ``event`` happened; the one it ended when it ended one. -1: none yet."""
        return bisect_right(self._firsts, event - 1) - 1

    def pieces_in(self, start_ns: int, end_ns: int) -> Iterator[Piece]:
        """What ran from ``start_ns`` to ``end_ns``, cut to that."""
        for position in range(max(bisect_right(self._starts, start_ns) - 1, 0), len(self.pieces)):
            piece = self.pieces[position]
            if piece.start_ns >= end_ns:
                return
            if piece.end_ns > start_ns:
                yield Piece(max(piece.start_ns, start_ns), min(piece.end_ns, end_ns), piece.location, piece.kind)

    def index(self) -> None:
        """To be called once it is complete."""
        self._firsts = [stretch.first for stretch in self.stretches]
        self._starts = [piece.start_ns for piece in self.pieces]


class _Reader:
    """One thread, event by event."""

    __slots__ = ("doing", "first", "history", "location", "noted", "object", "ran", "since")

    def __init__(self) -> None:
        self.history = History()
        self.doing: Doing | None = None
        self.since = 0
        self.first = 0
        self.object = self.location = NOTHING
        self.noted: list[tuple[int, int, str]] = []
        """(ns, location, class) of what was noted since the last operation."""
        self.ran: list[tuple[int, int]] = []
        """When it ran since the last operation."""

    def enter(self, op: int, index: int, now_ns: int, target: int, location: int) -> None:
        if op == Op.READY and self.doing == "running":
            # It was woken, found that somebody had been faster, and waited on: nothing was written down of that.
            self.doing = "blocked"
        self.leave(index, now_ns)
        self.doing, self.since, self.first = _ENTERED[op], now_ns, index
        if op == Op.BLOCK:
            self.object, self.location = target, location

    def leave(self, index: int, now_ns: int) -> None:
        if self.doing is None:
            return
        self.run(now_ns)
        blocked = self.doing == "blocked"
        target, location = (self.object, self.location) if blocked else (NOTHING, NOTHING)
        self.history.stretches.append(Stretch(self.doing, self.since, now_ns, self.first, index, target, location))
        self.doing = None

    def run(self, now_ns: int) -> None:
        """Note that it ran up to now, when it did."""
        if self.doing == "running":
            start_ns = max(self.since, self.ran[-1][1]) if self.ran else self.since
            if self.history.pieces:
                start_ns = max(start_ns, self.history.pieces[-1].end_ns)
            if now_ns > start_ns:
                self.ran.append((start_ns, now_ns))

    def operation(self, location: int, now_ns: int) -> None:
        """What ran before this operation is what was noted since the last one, or else code that leads to it."""
        self.run(now_ns)
        ran_ns = sum(end_ns - start_ns for start_ns, end_ns in self.ran)
        noted_ns = sum(ns for ns, _, _ in self.noted)
        parts = self.noted
        if ran_ns > _SLOWED_MAX * noted_ns:
            parts = [*parts, (ran_ns - noted_ns, location, "")]
            noted_ns = ran_ns
        bounds: list[tuple[int, int, str]] = []
        so_far = 0
        for ns, place, kind in parts:
            so_far += ns
            bounds.append((ran_ns * so_far // max(noted_ns, 1), place, kind))
        done_ns = 0
        for start_ns, end_ns in self.ran:
            while start_ns < end_ns and bounds:
                until, place, kind = bounds[0]
                stop_ns = min(end_ns, start_ns + until - done_ns)
                if stop_ns > start_ns:
                    self.history.pieces.append(Piece(start_ns, stop_ns, place, kind))
                done_ns += stop_ns - start_ns
                start_ns = stop_ns
                if done_ns >= until:
                    bounds.pop(0)
        self.ran.clear()
        self.noted.clear()


def histories(trace: Trace) -> dict[int, History]:
    """What each thread of a timed trace did, by thread index.

    Raises:
        NoTimeline: the trace has no times, or nothing about cores.
    """
    readers: dict[int, _Reader] = {}
    extras: list[Any] = trace.tables.extras
    seen_running = False
    now_ns = index = 0
    for index, (thread, op, _, target, location, extra, time_ns) in enumerate(trace.rows()):
        reader = readers.get(thread)
        if reader is None:
            reader = readers[thread] = _Reader()
        now_ns = max(now_ns, time_ns)
        if op == Op.COMPUTE:
            details: dict[str, Any] = {} if extra == NOTHING else extras[extra]
            reader.noted.append((int(details.get("ns", 0)), location, str(details.get("class", ""))))
            continue
        machine = op in _MACHINE and target == NOTHING
        if not machine:
            reader.operation(location, now_ns)
        if op in _ENTERED and (machine or op != Op.RUN):
            seen_running |= op == Op.RUN
            reader.enter(op, index, now_ns, target, location)
        elif op == Op.END:
            reader.leave(index, now_ns)
    for reader in readers.values():
        reader.operation(NOTHING, now_ns)
        reader.leave(index + 1, now_ns)
        reader.history.index()
    if not seen_running:
        raise NoTimeline(
            "the trace does not say what threads did on a machine; it needs one of weft predict's timelines"
        )
    return {thread: reader.history for thread, reader in readers.items()}
