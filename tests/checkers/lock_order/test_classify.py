"""Mutex, signal or pool: decided on the evidence of the whole trace."""

from __future__ import annotations

import pytest

from weft.checkers.lock_order.classify import Role, classify, events_of
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

Row = tuple[int, Op]


def trace(kind: str, capacity: int, *rows: Row) -> Trace:
    builder = TraceBuilder(Header("test", "explored"))
    builder.tables.threads += [ThreadInfo("T0"), ThreadInfo("T1")]
    builder.tables.objects += [ObjectInfo(kind, "x", capacity=capacity), ObjectInfo("Condition", "c", part_of=0)]
    for thread, op in rows:
        builder.add(thread, op, 1 if op is Op.WAIT else 0)
    return builder.build()


TAKE, GIVE = Op.ACQUIRE, Op.RELEASE


@pytest.mark.parametrize(
    ("kind", "capacity", "rows", "role"),
    [
        ("Lock", 0, [(0, TAKE), (0, GIVE), (1, TAKE), (1, GIVE)], Role.MUTEX),
        ("Lock", 0, [(0, TAKE)], Role.MUTEX),
        ("RLock", 0, [(0, TAKE), (0, TAKE), (0, GIVE), (0, GIVE)], Role.MUTEX),
        ("Lock", 0, [(0, TAKE), (1, GIVE)], Role.SIGNAL),
        ("Lock", 0, [(0, GIVE)], Role.SIGNAL),
        ("Lock", 0, [(0, TAKE), (0, GIVE), (0, TAKE), (1, GIVE), (0, TAKE), (0, GIVE)], Role.SIGNAL),
        ("Lock", 0, [(0, TAKE), (0, Op.WAIT), (1, TAKE), (1, GIVE)], Role.MUTEX),
        ("Semaphore", 1, [(0, TAKE), (0, GIVE)], Role.MUTEX),
        ("Semaphore", 1, [(0, TAKE), (1, GIVE)], Role.SIGNAL),
        ("Semaphore", 0, [(0, GIVE), (1, TAKE)], Role.SIGNAL),
        ("BoundedSemaphore", 3, [(0, TAKE), (1, TAKE), (1, GIVE), (0, GIVE)], Role.POOL),
        ("BoundedSemaphore", 3, [(0, TAKE), (1, GIVE)], Role.SIGNAL),
    ],
)
def test_roles(kind: str, capacity: int, rows: list[Row], role: Role) -> None:
    assert classify(trace(kind, capacity, *rows)) == {0: role}


def test_only_the_events_asked_for_are_made() -> None:
    whole = trace("Lock", 0, (0, TAKE), (1, Op.READ), (0, GIVE))
    assert [(event.index, event.operation) for event in events_of(whole, (GIVE,))] == [(2, GIVE)]
    assert [*events_of(whole, tuple(Op))] == [*whole]
    columns = Trace(whole.header, whole.tables, whole.columns)
    assert [*events_of(columns, (TAKE, GIVE))] == [event for event in whole if event.operation is not Op.READ]
