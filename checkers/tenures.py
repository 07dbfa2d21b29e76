"""Who had what, when: locks, permits and the GIL, from the event that took each to the one that gave it back.

Reads a trace with times; who waited meanwhile is for others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..simcore.trace import NOTHING, Op, Trace
from .holding import OWNED_KINDS, PERMIT_KINDS

HELD_KINDS = OWNED_KINDS | PERMIT_KINDS | {"ImportLock"}
"""Objects that threads have for a while: in which order is the scheduler's choice."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """Somebody had an object from one event to another (indices)."""

    thread: int
    location: int
    start_ns: int
    end_ns: int
    first: int
    last: int


@dataclass(slots=True)
class Held:
    """Who had each lock, each permit and the GIL (``NOTHING``), in order of the ends; and what never was held."""

    tenures: dict[int, list[Tenure]] = field(default_factory=dict[int, list[Tenure]])
    longest_ns: dict[int, int] = field(default_factory=dict[int, int])
    signals: set[int] = field(default_factory=set[int])
    """Locks and semaphores that somebody released who had not taken them: a message, not a critical section."""

    def add(self, target: int, tenure: Tenure) -> None:
        """To be called in order of the ends."""
        self.tenures.setdefault(target, []).append(tenure)
        self.longest_ns[target] = max(self.longest_ns.get(target, 0), tenure.end_ns - tenure.start_ns)

    def during(self, target: int, start_ns: int, end_ns: int) -> Iterator[Tenure]:
        """The tenures of ``target`` that overlap that time, cut to it."""
        tenures, longest_ns = self.tenures.get(target, []), self.longest_ns.get(target, 0)
        for position in range(bisect_right(tenures, start_ns, key=lambda tenure: tenure.end_ns), len(tenures)):
            tenure = tenures[position]
            if tenure.end_ns - longest_ns >= end_ns:
                return  # this one and all that end later have begun later, too
            start, end = max(tenure.start_ns, start_ns), min(tenure.end_ns, end_ns)
            if end > start:
                yield Tenure(tenure.thread, tenure.location, start, end, tenure.first, tenure.last)


def held(trace: Trace) -> Held:
    """Follow every lock, semaphore and the GIL through the trace."""
    found = Held()
    objects = trace.tables.objects
    extras: list[Any] = trace.tables.extras
    open_: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    index = now_ns = 0

    def over(thread: int, target: int, times: int) -> None:
        taken = open_.get((thread, target))
        for _ in range(times):
            if not taken:
                found.signals.add(target)
                return
            first, start_ns, location = taken.pop()
            if not taken or objects[target].kind in PERMIT_KINDS:
                tenure = Tenure(thread, location, start_ns, now_ns, first, index)
                found.add(target, tenure)

    for index, (thread, op, _, target, location, extra, time_ns) in enumerate(trace.rows()):
        now_ns = max(now_ns, time_ns)
        if op == Op.GIL_ACQUIRE:
            open_[thread, NOTHING] = [(index, now_ns, NOTHING)]
        elif op == Op.GIL_RELEASE:
            for first, start_ns, _ in open_.pop((thread, NOTHING), []):
                tenure = Tenure(thread, NOTHING, start_ns, now_ns, first, index)
                found.add(NOTHING, tenure)
        elif target == NOTHING:
            continue
        elif op == Op.ACQUIRE and objects[target].kind in HELD_KINDS:
            open_.setdefault((thread, target), []).append((index, now_ns, location))
        elif op == Op.RELEASE and objects[target].kind in HELD_KINDS:
            details: dict[str, Any] = {} if extra == NOTHING else extras[extra]
            over(thread, target, int(details.get("count", 1)))
        elif op == Op.WAIT and objects[target].kind == "Condition":
            whole = objects[target].part_of
            over(thread, whole, max(len(open_.get((thread, whole), ())), 1))
    for (thread, target), taken in open_.items():
        for first, start_ns, location in taken:
            tenure = Tenure(thread, location, start_ns, now_ns, first, index + 1)
            found.add(target, tenure)
    return found
