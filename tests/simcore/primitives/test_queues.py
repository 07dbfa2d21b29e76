"""Queues: every outcome of small programs, user subclasses, the attributes programs touch, and CPython's errors."""

from __future__ import annotations

import queue
import sys
import threading

import pytest

from weft.simcore.explored import Outcome
from weft.simcore.primitives import queues

KINDS = ["Queue", "LifoQueue", "PriorityQueue"]
REAL = {kind: getattr(queue, kind) for kind in [*KINDS, "SimpleQueue"]}
OURS = {kind: getattr(queues, kind) for kind in REAL}


def test_two_producers_two_consumers_one_slot(explore, together, notes) -> None:
    def program() -> str:
        items, note = queue.Queue(1), notes()
        together(
            a=lambda: items.put(1),
            b=lambda: items.put(2),
            c=lambda: note(items.get()),
            d=lambda: note(items.get()),
        )
        return note.all()

    assert explore(program) == {"c: 1, d: 2", "c: 2, d: 1"}


def test_tries_on_one_slot(explore, together, notes, raised) -> None:
    def program() -> str:
        items, note = queue.Queue(1), notes()
        together(
            a=lambda: note(raised(lambda: items.put_nowait(1))),
            b=lambda: note(raised(lambda: items.put_nowait(2))),
            c=lambda: note(raised(items.get_nowait)),
        )
        return note.all()

    done, full = "returned None", "Full: "
    assert explore(program) == {
        f"a: {done}, b: {full}, c: Empty: ",
        f"a: {full}, b: {done}, c: Empty: ",
        f"a: {done}, b: {full}, c: returned 1",
        f"a: {full}, b: {done}, c: returned 2",
        f"a: {done}, b: {done}, c: returned 1",
        f"a: {done}, b: {done}, c: returned 2",
    }


def test_timed_puts_and_gets_may_give_up(explore, together, notes, raised) -> None:
    def program() -> str:
        items, note = queue.Queue(1), notes()
        items.put(0)
        together(a=lambda: note(raised(lambda: items.put(1, timeout=1))), b=lambda: note(items.get()))
        return note.all()

    assert explore(program) == {"a: returned None, b: 0", "a: Full: , b: 0"}


@pytest.mark.parametrize(("kind", "expected"), [("Queue", {1}), ("LifoQueue", {1, 2}), ("PriorityQueue", {1, 2})])
def test_what_the_first_get_finds(explore, together, kind: str, expected: set[int]) -> None:
    def program() -> int:
        items, found = getattr(queue, kind)(), []

        def produce() -> None:
            items.put(2 if kind == "PriorityQueue" else 1)
            items.put(1 if kind == "PriorityQueue" else 2)

        together(a=produce, b=lambda: found.append(items.get()))
        return found[0]

    assert explore(program) == expected


def test_a_bounded_priority_queue(explore, together, notes) -> None:
    def program() -> str:
        items, note = queue.PriorityQueue(1), notes()
        together(
            a=lambda: items.put(2),
            b=lambda: items.put(1),
            c=lambda: note(items.get()),
            d=lambda: note(items.get()),
        )
        return note.all()

    assert explore(program) == {"c: 1, d: 2", "c: 2, d: 1"}


def test_join_waits_for_the_tasks_put_before_it(explore, together, notes) -> None:
    def program() -> str:
        items, note = queue.Queue(), notes()

        def produce() -> None:
            items.put(1)
            items.join()
            note(items.qsize())

        def consume() -> None:
            items.get()
            items.task_done()

        together(a=produce, b=consume, c=lambda: items.put(2))
        return note.all()

    assert explore(program) == {"a: 0", "a: 1", ("deadlock", "MainThread", "a")}


def test_looks_see_puts_and_gets_or_not(explore, together, notes) -> None:
    def program() -> str:
        items, note = queue.Queue(1), notes()
        together(
            a=lambda: items.put(1),
            b=lambda: note(items.get()),
            c=lambda: note((items.qsize(), items.empty(), items.full())),
        )
        return note.all()

    # Three looks, each before, between or after the put and the get.
    assert explore(program) == {
        f"b: 1, c: {looks}"
        for looks in (
            (0, True, False),
            (0, True, True),
            (0, False, True),
            (0, False, False),
            (1, False, True),
            (1, False, False),
            (1, True, False),
        )
    }


def test_the_mutex_keeps_operations_out(explore, together, notes, raised) -> None:
    def program() -> str:
        items, note = queue.Queue(), notes()

        def clear() -> None:
            with items.mutex:
                note(len(items.queue))
                items.queue.clear()

        together(a=lambda: items.put(1), b=clear, c=lambda: note(raised(items.get_nowait)))
        return note.all()

    assert explore(program) == {"b: 0, c: Empty: ", "b: 0, c: returned 1", "b: 1, c: Empty: "}


def test_waiting_on_the_queues_own_condition(explore, together) -> None:
    def program() -> int:
        items = queue.Queue()
        items.put(1)

        def wait() -> None:
            with items.all_tasks_done:
                while items.unfinished_tasks:
                    items.all_tasks_done.wait()

        def work() -> None:
            items.get()
            items.task_done()

        together(a=wait, b=work)
        return items.unfinished_tasks

    assert explore(program) == {0}


def test_a_simple_queue(explore, together, notes, raised) -> None:
    def program() -> str:
        items, note = queue.SimpleQueue(), notes()
        together(
            a=lambda: items.put(1),
            b=lambda: note(raised(items.get_nowait)),
            c=lambda: note(items.qsize()),
        )
        return note.all()

    assert explore(program) == {f"b: {b}, c: {c}" for b in ("returned 1", "Empty: ") for c in (0, 1)}


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        (lambda: queue.Queue().get(), "empty 0"),
        (lambda: queue.Queue(2).get(), "empty 0/2"),
        (lambda: [items := queue.Queue(2), items.put(1), items.put(2), items.put(3)], "full 2/2"),
        (lambda: [items := queue.Queue(), items.put(1), items.join()], "1 task unfinished"),
        (lambda: [items := queue.Queue(), items.put(1), items.put(2), items.join()], "2 tasks unfinished"),
        (lambda: [items := queue.Queue(), items.mutex.acquire(), items.put(1)], "mutex held by MainThread"),
        (lambda: queue.SimpleQueue().get(), "empty 0"),
    ],
)
def test_a_blocked_thread_says_why(run, program, detail: str) -> None:
    ran = run(program)
    assert ran.outcome is Outcome.DEADLOCK
    assert ran.details == {"MainThread": detail}


def test_an_operation_is_one_step(run) -> None:
    def program() -> None:
        items = queue.Queue(1)
        items.put(1)
        items.get()
        items.task_done()
        items.join()

    steps = [step.removeprefix("MainThread ") for step in run(program).steps]
    assert steps == ["begin", "Queue.put", "Queue.get", "Queue.task_done", "Queue.join", "end"]


def test_user_subclasses_work(run) -> None:
    def program() -> list[int]:
        class Unique(queue.Queue):
            def _init(self, maxsize: int) -> None:
                self.items: dict[int, None] = {}

            def _qsize(self) -> int:
                return len(self.items)

            def _put(self, item: int) -> None:
                self.items[item] = None

            def _get(self) -> int:
                return self.items.popitem()[0]

        unique = Unique(2)
        for item in (1, 1, 2):
            unique.put(item)
        assert unique._fifo is False
        return [unique.get(), unique.get(), unique.qsize()]

    assert run(program).value == [2, 1, 0]


def test_steps_agree_with_items_the_program_removed(run) -> None:
    def program() -> tuple[list[int], list[int]]:
        items = queue.Queue(3)
        for number in range(3):
            items.put(number)
        items.queue.popleft()
        items.put(3)
        return list(items._put_at), list(items._freed)

    assert run(program).value == ([2, 3, 4], [])


CALLS = {
    "empty": lambda make: make(0).get_nowait(),
    "empty after a time": lambda make: make(0).get(timeout=0),
    "full": lambda make: [items := make(1), items.put(1), items.put_nowait(2)],
    "full after a time": lambda make: [items := make(1), items.put(1), items.put(2, timeout=0)],
    "negative get": lambda make: make(0).get(timeout=-1),
    "negative put": lambda make: make(1).put(1, timeout=-1),
    "negative put, unbounded": lambda make: make(0).put(1, timeout=-1),
    "too many": lambda make: make(0).task_done(),
    "order": lambda make: [items := make(0), *map(items.put, (2, 3, 1)), items.get(), items.get()][4:],
    "nothing to join": lambda make: make(0).join(),
    "cannot be ordered": lambda make: [items := make(0), items.put(1), items.put("a")],
    "sizes": lambda make: [items := make(1), items.empty(), items.full(), items.put(1), items.qsize(), items.full()][
        1:
    ],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_as_cpython(run, raised, kind: str, call) -> None:
    def told(make) -> str:
        return raised(lambda: str(call(make))).split(" object at")[0].split(".")[-1]

    expected = told(REAL[kind])
    assert run(lambda: told(OURS[kind])).value == expected
    assert told(OURS[kind]) == expected


SIMPLE_CALLS = {
    "empty": lambda items: items.get_nowait(),
    "empty after a time": lambda items: items.get(timeout=0),
    "negative": lambda items: items.get(timeout=-1),
    "order": lambda items: [*map(items.put, (2, 3, 1)), items.get(), items.qsize(), items.empty()],
    "put_nowait": lambda items: [items.put_nowait(1), items.get(block=False)],
}


@pytest.mark.parametrize("call", SIMPLE_CALLS.values(), ids=SIMPLE_CALLS)
def test_a_simple_queue_as_cpython(run, raised, call) -> None:
    expected = raised(lambda: call(queue.SimpleQueue()))
    assert run(lambda: raised(lambda: call(queues.SimpleQueue()))).value == expected
    assert raised(lambda: call(queues.SimpleQueue())) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_outside_it_is_the_real_thing(kind: str) -> None:
    items = OURS[kind](1)
    assert isinstance(items, REAL[kind])
    results: list[int] = []

    def consume() -> None:
        for _ in range(20):
            results.append(items.get())
            items.task_done()

    thread = threading.Thread(target=consume)
    thread.start()
    for number in range(20):
        items.put(number)
    items.join()
    thread.join()
    assert results == list(range(20))
    assert items.unfinished_tasks == 0


@pytest.mark.parametrize("kind", [*KINDS, "SimpleQueue"])
def test_items_put_outside_are_there_in_every_execution(run, kind: str) -> None:
    items = OURS[kind]()
    items.put(1)

    def program() -> tuple[int, bool]:
        found = items.get()
        items.put(7)
        items.get()
        return found, items.empty()

    assert run(program).value == (1, True)
    assert run(program).value == (1, True)


@pytest.mark.parametrize("kind", [*KINDS, "SimpleQueue"])
def test_items_put_inside_can_be_taken_outside(run, kind: str) -> None:
    def program() -> object:
        items = getattr(queue, kind)()
        items.put(5)
        return items

    items = run(program).value
    assert items.get(timeout=120) == 5
    assert items.empty()


def test_unwinding_raises_nothing_else(run, together) -> None:
    errors = []

    def program() -> None:
        items = queue.Queue()

        def stuck() -> None:
            try:
                items.get()
            finally:
                try:
                    items.task_done()
                except ValueError as error:
                    errors.append(error)

        together(a=stuck)

    assert run(program).outcome is Outcome.DEADLOCK
    assert errors == []


if sys.version_info >= (3, 13):

    @pytest.mark.parametrize("immediate", [False, True])
    def test_shutdown(run, raised, immediate: bool) -> None:
        def told(make) -> list[str]:
            items = make(2)
            items.put(1)
            items.shutdown(immediate)
            return [raised(lambda: items.put(2)), raised(items.get), raised(items.get), raised(items.get_nowait)]

        expected = told(queue.Queue)
        assert run(lambda: told(queues.Queue)).value == expected
        assert told(queues.Queue) == expected

    def test_shutdown_wakes_those_who_wait(explore, together, notes, raised) -> None:
        def program() -> str:
            items, note = queue.Queue(1), notes()
            together(a=lambda: note(raised(items.get)), b=lambda: note(raised(lambda: items.put(1))), c=items.shutdown)
            return note.all()

        assert explore(program) == {
            "a: returned 1, b: returned None",
            "a: ShutDown: , b: ShutDown: ",
        }
