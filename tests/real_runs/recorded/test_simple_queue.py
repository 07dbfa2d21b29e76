"""The recorded SimpleQueue: first in, first out, in the order of its notes."""

from __future__ import annotations

import _thread
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from weft.real_runs.recorded import simple_queue
from weft.real_runs.recorded.simple_queue import RealSimpleQueue
from weft.real_runs.thread_log import now
from weft.simcore.trace import Op, Trace

from ..conftest import assert_true_order, kind_of, labels
from .conftest import in_threads, until_blocked, waiting_for

Recorded = Callable[[Callable[[], object]], Trace]
FOREVER_S = 60
"""So long a thread waits for what another one does, before the test fails instead of hanging."""


class Interruption(BaseException):
    """Stands for a ``KeyboardInterrupt``."""


@pytest.fixture
def in_the_turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen between two instructions of the next turn, once: before the clock's time is taken over."""

    def plan(happening: Callable[[], object]) -> None:
        planned = [happening]

        def clock() -> int:
            time_ns = now()
            if planned:
                planned.pop()()
            return time_ns

        monkeypatch.setattr(simple_queue, "now", clock)

    return plan


def threads_of(trace: Trace, operation: Op) -> list[str]:
    events = [event for event in trace if kind_of(trace, event) == "SimpleQueue" and event.operation is operation]
    return [trace.thread_name(event.thread) for event in events]


def test_simple_queue_keeps_order(recorded: Recorded) -> None:
    def body() -> None:
        line: queue.SimpleQueue[int] = queue.SimpleQueue()
        taken: list[int] = []
        consumer = threading.Thread(target=lambda: taken.extend(line.get() for _ in range(3)), name="test-consumer")
        consumer.start()
        until_blocked(lambda: waiting_for("SimpleQueue"))
        for item in range(3):
            line.put(item)
        consumer.join()
        assert taken == [0, 1, 2]
        assert line.empty()
        with pytest.raises(queue.Empty):
            line.get(timeout=0.001)

    trace = recorded(body)
    assert labels(trace, "SimpleQueue").count("put") == 3
    assert_true_order(trace)


def test_items_and_notes_are_in_one_order_whoever_interrupts_whom(recorded: Recorded) -> None:
    """Who put the next item, and who got it, said by the notes and by the items."""
    rounds, put, got = 300, dict[str, Iterator[Any]](), dict[str, list[Any]]()

    def body() -> None:
        line: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def act(index: int) -> None:
            name = threading.current_thread().name
            if index < 2:
                put[name] = iter([(name, number) for number in range(rounds)])
                for number in range(rounds):
                    line.put((name, number))
            else:
                got[name] = [line.get() for _ in range(rounds)]

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            in_threads(4, act)
        finally:
            sys.setswitchinterval(before)

    trace = recorded(body)
    assert_true_order(trace)
    taken = {name: iter(items) for name, items in got.items()}
    in_order_of_puts = [next(put[name]) for name in threads_of(trace, Op.PUT)]
    in_order_of_gets = [next(taken[name]) for name in threads_of(trace, Op.GET)]
    assert len(in_order_of_puts) == 2 * rounds
    assert in_order_of_puts == in_order_of_gets


@pytest.mark.parametrize("operation", [Op.PUT, Op.GET], ids=["put", "get"])
def test_a_move_waits_until_the_one_before_has_its_time(
    recorded: Recorded,
    in_the_turn: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
    operation: Op,
) -> None:
    """One thread is held up within its turn until another one has to wait for it."""
    moved: list[tuple[str, int]] = []

    def body() -> None:
        line: queue.SimpleQueue[int] = queue.SimpleQueue()
        within, waited = _thread.allocate_lock(), _thread.allocate_lock()
        within.acquire()
        waited.acquire()

        def held_up() -> None:
            within.release()
            assert waited.acquire(timeout=FOREVER_S), "the other one did not wait"

        def wait(_: float) -> None:
            if waited.locked():
                waited.release()

        def act(index: int) -> None:
            if index:
                assert within.acquire(timeout=FOREVER_S)
            moved.append((f"test-{index}", line.get())) if operation is Op.GET else line.put(index)

        if operation is Op.GET:
            line.put(0)
            line.put(1)
        monkeypatch.setattr(simple_queue, "real_sleep", wait)
        in_the_turn(held_up)
        in_threads(2, act)
        if operation is Op.PUT:
            moved.extend((f"test-{item}", item) for item in (line.get(), line.get()))

    trace = recorded(body)
    assert sorted(moved, key=lambda row: row[1]) == [("test-0", 0), ("test-1", 1)]
    assert threads_of(trace, operation) == ["test-0", "test-1"]


def test_a_finalizer_may_put_and_get_in_the_middle_of_a_put(
    recorded: Recorded, in_the_turn: Callable[[Callable[[], object]], None]
) -> None:
    taken: list[str] = []

    def body() -> None:
        line: queue.SimpleQueue[str] = queue.SimpleQueue()
        line.put("first")

        def finalize() -> None:
            taken.append(line.get())
            line.put("inner")

        in_the_turn(finalize)
        line.put("outer")
        in_threads(1, lambda _: taken.extend((line.get(), line.get())))

    trace = recorded(body)
    assert taken == ["first", "inner", "outer"]
    assert labels(trace, "SimpleQueue") == ["put", "put", "get", "put", "get", "get"]


@pytest.mark.parametrize("name", ["put", "get"])
def test_an_interrupted_move_leaves_its_turn(
    recorded: Recorded, in_the_turn: Callable[[Callable[[], object]], None], name: str
) -> None:
    taken: list[int] = []

    def body() -> None:
        line: queue.SimpleQueue[int] = queue.SimpleQueue()
        line.put(1)

        def interrupt() -> None:
            raise Interruption

        in_the_turn(interrupt)
        with pytest.raises(Interruption):
            line.put(2) if name == "put" else line.get()
        in_threads(1, lambda _: line.put(3))
        in_threads(1, lambda _: taken.append(line.get()))

    recorded(body)
    assert taken == [1 if name == "put" else 3]


class Tokens:
    """Those of a queue, of which the first thread takes one and is then interrupted, and the second the next."""

    def __init__(self, tokens: Any) -> None:
        self.put = tokens.put
        self._tokens = tokens
        self._interrupted = _thread.allocate_lock()
        self._interrupted.acquire()

    def get(self, block: bool, timeout: float | None) -> None:
        if threading.current_thread().name == "test-0":
            self._tokens.get()
            self._interrupted.release()
            raise Interruption
        assert self._interrupted.acquire(timeout=FOREVER_S)
        self._tokens.get(True, FOREVER_S)


def test_who_is_interrupted_after_it_was_woken_wakes_the_next(recorded: Recorded) -> None:
    taken: list[int] = []

    def body() -> None:
        line = cast(Any, queue.SimpleQueue)()
        line._tokens = Tokens(line._tokens)

        def act(index: int) -> None:
            if index == 2:
                until_blocked(lambda: len(line._waiting) == 2)
                line.put(7)
            elif index == 1:
                taken.append(line.get())
            else:
                with pytest.raises(Interruption):
                    line.get()

        in_threads(3, act)

    recorded(body)
    assert taken == [7]


def test_a_token_left_over_is_no_item(recorded: Recorded) -> None:
    def body() -> None:
        line = cast(Any, queue.SimpleQueue)()
        line._tokens.put(None)
        with pytest.raises(queue.Empty):
            line.get(timeout=0.001)
        line._tokens.put(None)
        consumer = threading.Thread(target=lambda: taken.append(line.get()), name="test-consumer")
        consumer.start()
        until_blocked(lambda: waiting_for("SimpleQueue") and line._tokens.empty())
        line.put("item")
        consumer.join()

    taken: list[str] = []
    trace = recorded(body)
    assert taken == ["item"]
    assert labels(trace, "SimpleQueue") == ["request", "get_failed", "request", "put", "get"]


@pytest.mark.parametrize("items", [0, 1])
@pytest.mark.parametrize(
    "arguments", [(True, -1), (True, 1e30), (True, "1"), (False, -1), (False, "1"), (True, 0), (False,)]
)
def test_a_time_limit_is_taken_as_the_real_one_takes_it(
    recorded: Recorded, arguments: tuple[Any, ...], items: int
) -> None:
    outcomes: list[object] = []

    def take(line: Any) -> None:
        for _ in range(items):
            line.put("item")
        try:
            outcomes.append(line.get(*arguments))
        except Exception as error:
            outcomes.append((type(error), str(error)))

    recorded(lambda: take(queue.SimpleQueue()))
    take(RealSimpleQueue())
    assert outcomes[0] == outcomes[1]
