"""Recorded conditions: wait gives the lock up and takes it back, notify says whom it woke."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from weft.simcore.trace import Op, Trace

from ..conftest import assert_true_order, kind_of, labels
from .conftest import until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]


def test_condition_releases_waits_wakes_and_takes_back(recorded: Recorded) -> None:
    def body() -> None:
        condition = threading.Condition()
        ready: list[int] = []

        def waiter(_: int) -> None:
            with condition:
                condition.wait_for(lambda: ready)

        thread = threading.Thread(target=waiter, args=(0,), name="test-waiter")
        thread.start()
        until_blocked(lambda: waiting_for("Condition"))
        with condition:
            ready.append(1)
            condition.notify_all()
        thread.join()

    trace = recorded(body)
    assert labels(trace, "Condition") == ["wait", "notify", "wake"]
    notify = next(event for event in trace if event.operation is Op.NOTIFY)
    assert notify.outcome == 1
    assert [trace.thread_name(index) for index in notify.extra["woken"]] == ["test-waiter"]
    assert_true_order(trace)


def test_condition_wait_times_out_and_restores_all_levels(recorded: Recorded) -> None:
    def body() -> None:
        condition = threading.Condition()
        with condition, condition:
            assert not condition.wait(0.001)
        with pytest.raises(RuntimeError, match="un-acquired"):
            condition.wait()
        with pytest.raises(RuntimeError, match="un-acquired"):
            condition.notify()

    trace = recorded(body)
    assert labels(trace, "Condition") == ["wait", "timeout"]
    assert labels(trace, "RLock") == ["acquire", "acquire", "release"]


def test_after_a_wait_a_lock_is_given_back_where_its_own_thread_took_it(recorded: Recorded) -> None:
    """While it waits the lock is taken at another place."""

    def body() -> None:
        condition = threading.Condition()

        def waiter(_: int) -> None:
            with condition:
                condition.wait()

        thread = threading.Thread(target=waiter, args=(0,), name="test-waiter")
        thread.start()
        until_blocked(lambda: waiting_for("Condition"))
        with condition:
            condition.notify()
        thread.join()

    trace = recorded(body)
    functions = {
        trace.thread_name(event.thread): trace.tables.locations[event.location].function.rpartition(".")[2]
        for event in trace
        if event.operation is Op.RELEASE
    }
    assert functions == {"MainThread": "body", "test-waiter": "waiter"}


def test_a_condition_takes_and_gives_back_a_lock_of_the_programs_own_kind(recorded: Recorded) -> None:
    class Counting:
        def __init__(self) -> None:
            self.inner = threading.Lock()
            self.taken = 0

        def acquire(self, *arguments: bool) -> bool:
            self.taken += 1
            return self.inner.acquire(*arguments)

        def release(self) -> None:
            self.inner.release()

        def __enter__(self) -> bool:
            return self.acquire()

        def __exit__(self, *_: object) -> None:
            self.release()

    def body() -> None:
        lock = Counting()
        with threading.Condition(lock) as entered:  # pyright: ignore[reportArgumentType]
            assert entered is True
        assert lock.taken == 1

    assert labels(recorded(body), "Lock") == ["acquire", "release"]


def test_a_condition_can_be_entered_by_the_library(recorded: Recorded) -> None:
    """It looks for the methods on the class, and its own lines are no places."""

    def body() -> None:
        condition = threading.Condition()
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                stack.enter_context(condition)
                condition.notify()

    trace = recorded(body)
    first = body.__code__.co_firstlineno
    found = [
        (event.operation.label, trace.tables.locations[event.location].line - first)
        for event in trace
        if kind_of(trace, event) in ("RLock", "Condition")
    ]
    assert found == [("acquire", 4), ("notify", 5), ("release", 4)] * 2
