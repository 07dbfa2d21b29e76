"""The closure on readers and writers, of which random traces in the STD format know nothing."""

from __future__ import annotations

import pytest

from weft.checkers.lock_order import find
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, TraceBuilder


def rejected(first: str, second: str) -> dict[str, int]:
    """T1 is inside a section of W while it takes A then B. T2 enters W once before it takes B then A, and once more
    after. For the deadlock T2's first section has to be entered while T1's is open."""
    builder = TraceBuilder(Header("test", "explored"))
    builder.tables.threads += [ThreadInfo(f"T{n}") for n in range(3)]
    builder.tables.objects += [ObjectInfo("Lock", "A"), ObjectInfo("Lock", "B"), ObjectInfo("RWLock", "W")]
    a, b, w = range(3)

    def take(thread: int, lock: int, mode: str = "") -> None:
        builder.add(thread, Op.ACQUIRE, lock, extra={"mode": mode} if mode else None)

    def give(thread: int, *locks: int) -> None:
        for lock in locks:
            builder.add(thread, Op.RELEASE, lock)

    take(1, w, first)
    take(1, a)
    take(1, b)
    give(1, b, a, w)
    take(2, w, second)
    give(2, w)
    take(2, b)
    take(2, a)
    give(2, a, b)
    return find(builder.build()).rejected


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [("", "", True), ("shared", "", True), ("", "shared", True), ("shared", "shared", False)],
)
def test_only_readers_may_be_inside_together(first: str, second: str, apart: bool) -> None:
    assert rejected(first, second) == ({"unreachable": 1} if apart else {})
