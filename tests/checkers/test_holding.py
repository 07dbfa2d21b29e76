"""Who holds what and who waits for whom at the end of a trace, read from traces written by hand."""

from __future__ import annotations

import pytest

from weft.checkers.holding import Situation, read
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, TraceBuilder

LOCK, OTHER, CONDITION, SEMAPHORE, THREAD, FUTURE, POOL, QUEUE = range(8)


def situation(*events: tuple[int, Op, int]) -> Situation:
    """Three threads (main, one, two) and one object of each kind; the line of a step is its number."""
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("one", 0), ThreadInfo("two", 0)]
    builder.tables.objects += [
        ObjectInfo("Lock", "lock"),
        ObjectInfo("RLock", "other"),
        ObjectInfo("Condition", "condition", part_of=LOCK),
        ObjectInfo("Semaphore", "permits", capacity=2),
        ObjectInfo("Thread", "one", thread=1),
        ObjectInfo("Future", "future", part_of=POOL),
        ObjectInfo("ThreadPoolExecutor", "pool", capacity=1),
        ObjectInfo("Queue", "queue"),
    ]
    for line, (thread, operation, target) in enumerate(events, 1):
        extra = {"operation": "acquire", "detail": "held"} if operation is Op.REQUEST else None
        builder.add(thread, operation, target, builder.tables.location("hand.py", line, "f"), extra=extra)
    return read(builder.build())


def held(found: Situation, thread: int) -> list[tuple[int, str]]:
    return [(item, found.trace.at(place)) for item, place in found.holds.get(thread, [])]


def test_what_is_taken_is_held_with_its_place_until_it_is_given_back() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (1, Op.ACQUIRE, OTHER), (1, Op.RELEASE, LOCK))
    assert held(found, 1) == [(OTHER, "hand.py:2")]
    assert found.holders(OTHER) == [1]
    assert found.holders(LOCK) == []


def test_locks_may_be_given_back_in_any_order() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (1, Op.ACQUIRE, OTHER), (1, Op.RELEASE, OTHER))
    assert held(found, 1) == [(LOCK, "hand.py:1")]


def test_a_release_by_another_thread_takes_it_from_the_holder() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (2, Op.RELEASE, LOCK))
    assert found.holders(LOCK) == []


def test_waiting_for_a_condition_gives_its_lock_back_until_it_is_taken_again() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (1, Op.WAIT, CONDITION))
    assert found.holders(LOCK) == []
    back = situation((1, Op.ACQUIRE, LOCK), (1, Op.WAIT, CONDITION), (1, Op.WAKE, CONDITION), (1, Op.ACQUIRE, LOCK))
    assert held(back, 1) == [(LOCK, "hand.py:4")]


def test_a_semaphore_has_several_holders() -> None:
    found = situation((1, Op.ACQUIRE, SEMAPHORE), (2, Op.ACQUIRE, SEMAPHORE), (1, Op.RELEASE, SEMAPHORE))
    assert found.holders(SEMAPHORE) == [2]


def test_a_failed_try_holds_nothing() -> None:
    assert situation((1, Op.ACQUIRE_FAILED, LOCK)).holders(LOCK) == []


def test_who_is_blocked_is_who_asked_last_and_was_not_answered() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (2, Op.REQUEST, LOCK), (0, Op.REQUEST, QUEUE), (0, Op.GET, QUEUE))
    assert sorted(found.blocked) == [2]
    blocked = found.blocked[2]
    assert (blocked.object, blocked.operation, blocked.detail, blocked.event) == (LOCK, "acquire", "held", 1)
    assert found.waits_for(blocked) == [1]


def test_a_failure_after_the_request_does_not_hide_it() -> None:
    found = situation((1, Op.REQUEST, LOCK), (1, Op.FAIL, -1))
    assert sorted(found.blocked) == [1]


@pytest.mark.parametrize(
    ("before", "target", "waits_for"),
    [
        ([], LOCK, []),
        ([(1, Op.ACQUIRE, LOCK)], LOCK, [1]),
        ([(1, Op.ACQUIRE, LOCK), (1, Op.END, THREAD)], LOCK, []),
        ([], THREAD, [1]),
        ([], QUEUE, []),
        ([], FUTURE, []),
        ([(1, Op.RUN, FUTURE)], FUTURE, [1]),
        ([(1, Op.RUN, FUTURE), (1, Op.SET, FUTURE)], FUTURE, []),
        ([(1, Op.ACQUIRE, SEMAPHORE), (2, Op.ACQUIRE, SEMAPHORE)], SEMAPHORE, [1, 2]),
    ],
    ids=["free", "held", "holder ended", "thread", "queue", "queued", "running", "set", "permits"],
)
def test_whom_a_blocked_thread_waits_for(before: list[tuple[int, Op, int]], target: int, waits_for: list[int]) -> None:
    found = situation(*before, (0, Op.REQUEST, target))
    assert found.waits_for(found.blocked[0]) == waits_for


def test_the_workers_of_a_pool_are_those_that_ran_its_tasks() -> None:
    found = situation((1, Op.RUN, FUTURE), (1, Op.SET, FUTURE))
    assert found.workers == {POOL: {1}}
    assert found.started_task == {FUTURE}
    assert found.running_task == {}
    assert found.begun == {1}


def test_a_wait_gives_back_a_lock_however_often_it_was_taken() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (1, Op.ACQUIRE, LOCK), (1, Op.WAIT, CONDITION))
    assert held(found, 1) == []


def test_who_gives_back_what_another_took_makes_it_a_signal() -> None:
    found = situation((1, Op.ACQUIRE, LOCK), (2, Op.RELEASE, LOCK), (1, Op.ACQUIRE, OTHER), (1, Op.RELEASE, OTHER))
    assert found.signals == {LOCK}
    assert found.mutexes == {OTHER}
