"""Is this object a mutex, a signal or a pool of permits? A lock that one thread takes and another gives back hands
something over; it protects nothing, and a cycle through it need not be stuck.

Decides on the whole trace, before anything is predicted, so that evidence found late counts from the start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import Enum

from ...simcore.trace import NOTHING, Event, Op, Trace

SEMAPHORES = frozenset({"Semaphore", "BoundedSemaphore"})


class Role(Enum):
    """What a lock or a semaphore is used for in one trace."""

    MUTEX = "mutex"
    """Whoever takes it gives it back: it keeps others out meanwhile."""
    SIGNAL = "signal"
    """At least once somebody else gave it back, or it starts empty: each release lets one acquire go on."""
    POOL = "pool"
    """A semaphore with several permits, given back by those who took them: one holder alone keeps nobody out."""


def classify(trace: Trace) -> dict[int, Role]:
    """The role of every object that is acquired or released.

    One release by a thread that does not hold the object makes it a signal for good: with such a release possible, a
    cycle A-B against B-A need not be stuck (Sulzmann's hand-off example), so reports that assume a mutex would be wrong.
    """
    objects = trace.tables.objects
    roles: dict[int, Role] = {}
    held: dict[int, list[int]] = {}
    for event in events_of(trace, (Op.ACQUIRE, Op.RELEASE, Op.WAIT)):
        op, target = event.operation, event.object
        if target == NOTHING:
            continue
        if op is Op.WAIT:
            target = objects[target].part_of
            if objects[event.object].kind != "Condition" or target == NOTHING:
                continue
        if target not in roles:
            roles[target] = _at_birth(objects[target].kind, objects[target].capacity)
        holders = held.setdefault(target, [])
        if op is Op.ACQUIRE:
            holders.append(event.thread)
        elif event.thread in holders:
            holders.remove(event.thread)
        else:
            roles[target] = Role.SIGNAL
            if holders:
                del holders[0]
    return roles


def _at_birth(kind: str, capacity: int) -> Role:
    if kind not in SEMAPHORES or capacity == 1:
        return Role.MUTEX
    return Role.POOL if capacity > 1 else Role.SIGNAL


def events_of(trace: Trace, operations: Collection[Op]) -> Iterator[Event]:
    """Only the events of these operations: a trace may hold millions of others, and making an event takes a while."""
    extras = trace.tables.extras
    wanted = {int(op): op for op in operations}
    for index, (thread, operation, outcome, target, location, extra, time_ns) in enumerate(trace.rows()):
        op = wanted.get(operation)
        if op is not None:
            time = None if time_ns == NOTHING else time_ns
            yield Event(index, thread, op, target, location, time, outcome, None if extra == NOTHING else extras[extra])
