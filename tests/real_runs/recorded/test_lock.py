"""Recorded locks: real semantics, every event where the program took or gave, requests only from who waits."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from weft.checkers.holding import read
from weft.real_runs.recorded.lock import RealRLock, allocate_lock
from weft.simcore.trace import Op, Trace

from ..conftest import assert_true_order, kind_of, labels
from .conftest import in_threads, until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]


def test_uncontended_lock_is_acquired_and_released_without_request(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.Lock()
        with lock:
            assert lock.locked()
        assert lock.acquire(False)
        assert not lock.acquire(False)
        assert not lock.acquire(timeout=0.001)
        lock.release()

    trace = recorded(body)
    expected = ["acquire", "release", "acquire", "acquire_failed", "request", "acquire_failed", "release"]
    assert labels(trace, "Lock") == expected


def test_contended_lock_is_requested_before_it_is_acquired(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.Lock()
        lock.acquire()
        other = threading.Thread(target=lambda: lock.acquire() and lock.release(), name="test-other")
        other.start()
        until_blocked(lambda: waiting_for("Lock"))
        lock.release()
        other.join()

    trace = recorded(body)
    assert labels(trace, "Lock") == ["acquire", "request", "release", "acquire", "release"]
    request = next(event for event in trace if event.operation is Op.REQUEST and kind_of(trace, event) == "Lock")
    assert request.extra == {"operation": "acquire"}
    assert trace.thread_name(request.thread) == "test-other"
    assert_true_order(trace)


def test_only_the_outermost_level_is_an_event(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.RLock()
        with lock, lock:
            assert lock.acquire(False)
            lock.release()

    assert labels(recorded(body), "RLock") == ["acquire", "release"]


def test_a_reentrant_lock_is_given_back_by_its_owner_only(recorded: Recorded) -> None:
    """Another thread's release fails as the real one's does, is no event, and leaves the owner's levels alone."""

    def body() -> None:
        lock = threading.RLock()
        errors: list[BaseException] = []

        def intrude(_: int) -> None:
            for give_back in (lock.release, lambda: lock.__exit__(None, None, None)):
                try:
                    give_back()
                except RuntimeError as error:
                    errors.append(error)

        with lock:
            in_threads(1, intrude)
            with lock:
                in_threads(1, intrude)
        assert len(errors) == 4
        assert lock.acquire(False)
        lock.release()

    assert labels(recorded(body), "RLock") == ["acquire", "release"] * 2


@pytest.mark.parametrize("how", ["with", "calls"])
def test_each_owner_of_a_reentrant_lock_logs_its_own_events(recorded: Recorded, how: str) -> None:
    """Also the first one's, after another thread has had the lock."""

    def body() -> None:
        lock = threading.RLock()

        def take(_: int) -> None:
            if how == "with":
                with lock, lock:
                    pass
            else:
                lock.acquire()
                lock.acquire()
                lock.release()
                lock.release()

        take(0)
        in_threads(2, take)
        take(0)

    trace = recorded(body)
    assert_true_order(trace)
    events = [event for event in trace if kind_of(trace, event) == "RLock"]
    threads = [trace.thread_name(event.thread) for event in events]
    assert sorted(threads[2:6]) == ["test-0"] * 2 + ["test-1"] * 2
    assert threads[:2] + threads[6:] == ["MainThread"] * 4


def first_place(lock: threading.Lock) -> None:
    with lock:
        pass
    lock.acquire()
    lock.release()


def second_place(lock: threading.Lock) -> None:
    with lock:
        pass
    lock.acquire()
    lock.release()


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_every_place_is_told_from_others_at_the_same_offset(recorded: Recorded, kind: str) -> None:
    """Two functions of the same instructions: only their code tells the places apart."""
    functions = [first_place, second_place, second_place, first_place]
    assert first_place.__code__.co_code == second_place.__code__.co_code

    def body() -> None:
        lock = getattr(threading, kind)()
        for function in functions:
            function(lock)

    trace = recorded(body)
    lines = [trace.tables.locations[event.location].line for event in trace if kind_of(trace, event) == kind]
    first_lines = [function.__code__.co_firstlineno for function in functions]
    assert lines == [first + offset for first in first_lines for offset in (1, 1, 3, 4)]


def test_a_plain_lock_may_be_given_back_by_another_thread(recorded: Recorded) -> None:
    def body() -> None:
        lock = threading.Lock()
        lock.acquire()
        in_threads(1, lambda _: lock.release())
        lock.__enter__()
        in_threads(1, lambda _: lock.__exit__(None, None, None))

    trace = recorded(body)
    threads = [trace.thread_name(event.thread) for event in trace if kind_of(trace, event) == "Lock"]
    assert threads == ["MainThread", "test-0", "MainThread", "test-0"]


def test_a_reentrant_lock_can_be_asked_what_the_real_one_can(recorded: Recorded) -> None:
    """Whether it is locked, from CPython 3.14 on."""
    asked: list[bool] = []
    recorded(lambda: asked.append(hasattr(threading.RLock(), "locked")))
    assert asked == [hasattr(RealRLock(), "locked")]


def test_names_and_places_are_the_users(recorded: Recorded) -> None:
    def body() -> None:
        door = threading.Lock()
        door.acquire()
        door.release()

    trace = recorded(body)
    lock = next(row for row in trace.tables.objects if row.kind == "Lock")
    assert lock.name == "door"
    acquire = next(event for event in trace if event.operation is Op.ACQUIRE)
    line = body.__code__.co_firstlineno
    assert trace.at(lock.site) == f"test_lock.py:{line + 1}"
    assert trace.at(acquire.location) == f"test_lock.py:{line + 2}"
    assert trace.tables.locations[acquire.location].function.endswith("body")


def test_each_kind_of_lock_has_the_old_names_that_the_real_one_has(recorded: Recorded) -> None:
    found: list[bool] = []
    recorded(lambda: found.extend(hasattr(lock, "acquire_lock") for lock in (threading.Lock(), threading.RLock())))
    assert found == [hasattr(lock, "acquire_lock") for lock in (allocate_lock(), RealRLock())]


@pytest.mark.parametrize(("limit_seconds", "looked_at_as"), [(-1, "blocked"), (60, "looking")])
def test_a_wait_that_is_cut_off_is_for_ever_only_without_a_time_limit(
    recorded: Recorded, limit_seconds: float, looked_at_as: str
) -> None:
    """The trace as it is when the process is killed while a thread waits: it ends with the request."""

    def body() -> None:
        lock = threading.Lock()
        lock.acquire()
        thread = threading.Thread(target=lambda: lock.acquire(True, limit_seconds))
        thread.start()
        until_blocked(lambda: waiting_for("Lock"))
        lock.release()
        thread.join()

    trace = recorded(body)
    ends = [event.index for event in trace if event.operation is Op.REQUEST and kind_of(trace, event) == "Lock"]
    cut = Trace(trace.header, trace.tables, trace.columns[: ends[0] + 1])
    situation = read(cut)
    (waiting,) = {"blocked": [*situation.blocked], "looking": [*situation.looking]}[looked_at_as]
    assert cut.thread_name(waiting).startswith("Thread-")
    assert len(situation.blocked) + len(situation.looking) == 1
