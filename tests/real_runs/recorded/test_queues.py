"""Recorded queues: their hooks, failures and closing are the real ones, events stand where the program calls."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from weft.real_runs.recorded.notes import Recording
from weft.simcore.trace import NOTHING, Op, Trace

from ..conftest import assert_true_order, kind_of, labels
from .conftest import until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]


def test_queue_blocks_both_ways_and_joins(recorded: Recorded) -> None:
    def body() -> None:
        line: queue.Queue[int] = queue.Queue(2)

        def consumer(_: int) -> None:
            for _ in range(20):
                line.get()
                line.task_done()

        thread = threading.Thread(target=consumer, args=(0,), name="test-consumer")
        thread.start()
        for item in range(20):
            line.put(item)
        line.join()
        thread.join()

    trace = recorded(body)
    found = labels(trace, "Queue")
    assert found.count("put") == found.count("get") == found.count("task_done") == 20
    assert found[-1] == "join"
    assert_true_order(trace)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_failed_puts_and_gets(recorded: Recorded, kind: type[queue.Queue[int]]) -> None:
    def body() -> None:
        line = getattr(queue, kind.__name__)(1)
        assert isinstance(line, queue.Queue)
        line.put(2)
        with pytest.raises(queue.Full):
            line.put_nowait(3)
        with pytest.raises(queue.Full):
            line.put(3, timeout=0.001)
        assert line.get() == 2
        with pytest.raises(queue.Empty):
            line.get_nowait()

    found = labels(recorded(body), kind.__name__)
    assert found == ["put", "put_failed", "request", "put_failed", "get", "get_failed"]


def test_overridden_queue_hooks_still_run(recorded: Recorded) -> None:
    def body() -> None:
        class Doubling(queue.Queue):  # pyright: ignore[reportMissingTypeArgument]
            def _put(self, item: int) -> None:
                super()._put(item * 2)

        line = Doubling()
        line.put(4)
        assert line.get() == 8

    assert labels(recorded(body), "Queue") == ["put", "get"]


def test_hooks_of_a_queue_can_be_replaced_and_called(recorded: Recorded) -> None:
    def body() -> None:
        line: queue.Queue[int] = queue.Queue()
        with line.mutex:
            line._put(1)
            assert line._get() == 1
        taken: list[int] = []
        line._put = taken.append
        line.put(2)
        assert taken == [2]

    trace = recorded(body)
    events = [event for event in trace if kind_of(trace, event) == "Queue"]
    assert [event.operation for event in events] == [Op.PUT, Op.GET]
    first = body.__code__.co_firstlineno
    assert [trace.at(event.location) for event in events] == [f"test_queues.py:{first + line}" for line in (3, 4)]


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_operations_of_a_queue_are_placed_where_the_program_calls_them(recorded: Recorded, kind: str) -> None:
    def body() -> None:
        line = getattr(queue, kind)()
        for _ in range(2):
            line.put(1)
            line.put_nowait(2)
            line.get()
            line.get_nowait()

    trace = recorded(body)
    first = body.__code__.co_firstlineno
    found = [
        (event.operation.label, trace.tables.locations[event.location].line - first)
        for event in trace
        if kind_of(trace, event) == kind
    ]
    assert found == [("put", 3), ("put", 4), ("get", 5), ("get", 6)] * 2


if hasattr(queue.Queue, "shutdown"):  # CPython 3.13 and later

    def test_a_queue_that_was_shut_down_gives_what_it_has_and_then_fails(recorded: Recorded) -> None:
        def body() -> None:
            line: queue.Queue[int] = queue.Queue(1)
            line.put(1)
            shut_down: type[Exception] = queue.ShutDown
            line.shutdown()
            with pytest.raises(shut_down):
                line.put(2)
            assert line.get() == 1
            with pytest.raises(shut_down):
                line.get()

        assert labels(recorded(body), "Queue") == ["put", "close", "put_failed", "get", "get_failed"]

    def test_who_waits_for_a_queue_that_is_shut_down_fails_and_may_wait_again(recorded: Recorded) -> None:
        def body() -> None:
            line: queue.Queue[int] = queue.Queue()
            shut_down: type[Exception] = queue.ShutDown

            def consumer(_: int) -> None:
                with pytest.raises(shut_down):
                    line.get()
                assert Recording.recorder.here.log.requested == NOTHING

            thread = threading.Thread(target=consumer, args=(0,), name="test-consumer")
            thread.start()
            until_blocked(lambda: waiting_for("Queue"))
            line.shutdown()
            thread.join()

        trace = recorded(body)
        assert labels(trace, "Queue") == ["request", "close", "get_failed"]
        assert_true_order(trace)
