"""Random small programs: real CPython threads under every forced order, and the explored world, see the same outcomes.

The oracle runs CPython's own ``threading`` and ``queue`` source on real threads. Only the locks at the very bottom are
wrapped: before it takes one, and before each operation of the program, a thread waits for its turn, and turns are given
in every possible order. It knows nothing of our primitives, of steps, or of dependence.
"""

from __future__ import annotations

import _thread
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weft.checkers.exploration.dpor import OptimalDpor
from weft.simcore import explored
from weft.simcore.explored import ExploredWorld, Outcome
from weft.simcore.takeover import takeover

Results = list[list[Any]]


# Programs. An operation is a letter for the object and one for what is done to it.


class Objects:
    """One object of every kind, made of whatever ``threading`` and ``queue`` mean at the moment."""

    def __init__(self, program: Program) -> None:
        self.a, self.b, self.r = threading.Lock(), threading.Lock(), threading.RLock()
        self.s, self.t = threading.Semaphore(program.permits), threading.BoundedSemaphore(max(program.permits, 1))
        self.e = threading.Event()
        self.c = threading.Condition(threading.Lock() if program.plain_condition else None)
        self.q: queue.Queue[str] = queue.Queue(program.room)
        self.l: queue.Queue[str] = queue.LifoQueue(program.room)
        self.z: Any = queue.SimpleQueue()
        self.w = threading.Barrier(2)

    def holding(self, action: Callable[[], Any]) -> Any:
        with self.c:
            return action()


OPERATIONS: dict[str, Callable[[Objects, str], Any]] = {
    "a+": lambda o, item: o.a.acquire(),
    "a-": lambda o, item: o.a.release(),
    "a?": lambda o, item: o.a.acquire(blocking=False),
    "a~": lambda o, item: o.a.acquire(timeout=1),
    "a.": lambda o, item: o.a.locked(),
    "b+": lambda o, item: o.b.acquire(),
    "b-": lambda o, item: o.b.release(),
    "b?": lambda o, item: o.b.acquire(blocking=False),
    "r+": lambda o, item: o.r.acquire(),
    "r-": lambda o, item: o.r.release(),
    "r?": lambda o, item: o.r.acquire(blocking=False),
    "r~": lambda o, item: o.r.acquire(timeout=1),
    "s+": lambda o, item: o.s.acquire(),
    "s-": lambda o, item: o.s.release(),
    "s2": lambda o, item: o.s.release(2),
    "s?": lambda o, item: o.s.acquire(blocking=False),
    "s~": lambda o, item: o.s.acquire(timeout=1),
    "t+": lambda o, item: o.t.acquire(),
    "t-": lambda o, item: o.t.release(),
    "t?": lambda o, item: o.t.acquire(blocking=False),
    "e+": lambda o, item: o.e.set(),
    "e-": lambda o, item: o.e.clear(),
    "ew": lambda o, item: o.e.wait(),
    "e~": lambda o, item: o.e.wait(1),
    "e?": lambda o, item: o.e.is_set(),
    "cw": lambda o, item: o.holding(o.c.wait),
    "c~": lambda o, item: o.holding(lambda: o.c.wait(1)),
    "cn": lambda o, item: o.holding(o.c.notify),
    "ca": lambda o, item: o.holding(o.c.notify_all),
    "c+": lambda o, item: o.c.acquire(),
    "c-": lambda o, item: o.c.release(),
    "q+": lambda o, item: o.q.put(item),
    "q-": lambda o, item: o.q.get(),
    "q+?": lambda o, item: o.q.put_nowait(item),
    "q-?": lambda o, item: o.q.get_nowait(),
    "q+~": lambda o, item: o.q.put(item, timeout=1),
    "q-~": lambda o, item: o.q.get(timeout=1),
    "qs": lambda o, item: o.q.qsize(),
    "qd": lambda o, item: o.q.task_done(),
    "qj": lambda o, item: o.q.join(),
    "qx": lambda o, item: o.q.shutdown(),  # pyright: ignore[reportAttributeAccessIssue] - an AttributeError until 3.12
    "qX": lambda o, item: o.q.shutdown(immediate=True),  # pyright: ignore[reportAttributeAccessIssue]
    "l+": lambda o, item: o.l.put(item),
    "l-": lambda o, item: o.l.get(),
    "z+": lambda o, item: o.z.put(item),
    "z-": lambda o, item: o.z.get(),
    "z-?": lambda o, item: o.z.get_nowait(),
    "z-~": lambda o, item: o.z.get(timeout=1),
    "w": lambda o, item: o.w.wait(),
    "w~": lambda o, item: o.w.wait(1),
    "wa": lambda o, item: o.w.abort(),
}

FAMILIES = {
    "locks": "a+ a- a? a~ a. b+ b- b?",
    "re-entrant lock": "r+ r- r? r~ a+ a-",
    "semaphore": "s+ s- s? s~ s2",
    "bounded semaphore": "t+ t- t? a+ a-",
    "event": "e+ e- ew e~ e? a+ a-",
    "condition": "cw c~ cn ca c+ c-",
    "queue": "q+ q- q+? q-? q+~ q-~ qs",
    "tasks": "q+ q- qd qj q-?",
    "shutdown": "q+ q- q+? q-~ qx qX qj",
    "stack and simple queue": "l+ l- z+ z- z-? z-~",
    "barrier": "w w~ wa",
    "everything": " ".join(OPERATIONS),
}


@dataclass(frozen=True)
class Program:
    """The operations of each thread."""

    threads: tuple[tuple[str, ...], ...]
    permits: int = 1
    room: int = 1
    plain_condition: bool = False


def work(program: Program, number: int, objects: Objects, results: Results, turn: Callable[[], None]) -> None:
    """What one thread does; ``turn`` is called before each operation."""
    for position, name in enumerate(program.threads[number]):
        turn()
        try:
            results[number].append(OPERATIONS[name](objects, f"{number}.{position}"))
        except Exception as error:
            results[number].append(type(error).__name__)


def outcome(results: Results) -> Any:
    """What each thread's operations returned. A thread with fewer results than operations is blocked for ever."""
    return tuple(map(tuple, results))


# The explored world.


def explore(program: Program) -> set[Any]:
    found: set[Any] = set()
    strategy = OptimalDpor()
    thread_uids: dict[tuple[int, int], int] = {}
    with takeover():
        while True:
            results: Results = [[] for _ in program.threads]

            def main(results: Results = results) -> None:
                objects = Objects(program)
                for number in range(len(program.threads)):
                    arguments = (program, number, objects, results, lambda: None)
                    threading.Thread(target=work, args=arguments).start()

            world = ExploredWorld(strategy, thread_uids=thread_uids)
            execution = world.run(main)
            if execution.outcome is not Outcome.REDUNDANT:
                assert execution.outcome in (Outcome.COMPLETED, Outcome.DEADLOCK)
                found.add(outcome(results))
            strategy.finished(world)
            world.dissolve()
            if not strategy.next_execution():
                return found


# The oracle.


class Over(BaseException):
    """Unwinds a thread of a forced order that nobody goes on with."""


class Seat:
    """A real thread that moves only when told to."""

    def __init__(self) -> None:
        self.go = real_lock()
        self.go.acquire()
        self.needs: GatedLock | None = None
        """The lock without which its next move cannot be made."""
        self.done = False
        self.fresh = False
        """True right after its turn: the first lock it takes needs no other turn if it is free."""
        self.clock_s = 0.0


real_lock = _thread.allocate_lock


class Table:
    """One execution of a program under a forced order."""

    current: Table

    def __init__(self, program: Program) -> None:
        self.program = program
        self.results: Results = [[] for _ in program.threads]
        self.seats = [Seat() for _ in program.threads]
        self.by_ident: dict[int, Seat] = {}
        self.moved = real_lock()
        """Released when the thread whose turn it was waits for its next one."""
        self.moved.acquire()
        self.over = False

    def seat(self) -> Seat | None:
        return self.by_ident.get(_thread.get_ident())

    def wait_for_turn(self, seat: Seat, needs: GatedLock | None = None) -> None:
        if self.over:
            raise Over
        seat.needs = needs
        self.moved.release()
        seat.go.acquire()
        if self.over:
            raise Over

    def sit(self, number: int, objects: Objects) -> None:
        """The life of a thread."""
        seat = self.seats[number]
        self.by_ident[_thread.get_ident()] = seat

        def turn() -> None:
            self.wait_for_turn(seat)
            seat.fresh = True

        try:
            work(self.program, number, objects, self.results, turn)
        except Over:
            pass
        finally:
            seat.done = True
            self.moved.release()

    def movable(self) -> list[int]:
        return [
            number
            for number, seat in enumerate(self.seats)
            if not seat.done and (seat.needs is None or not seat.needs.locked())
        ]

    def play(self, order: list[list[int]]) -> Any:
        """Run under the order; what it leaves open is the first thread that can move, and is added to it."""
        Table.current = self
        objects = Objects(self.program)
        if self.program.plain_condition:
            lock: Any = objects.c._lock  # pyright: ignore[reportAttributeAccessIssue]
            lock.others_may_release = True
        for number in range(len(self.seats)):
            _thread.start_new_thread(self.sit, (number, objects))
            self.moved.acquire()
        depth = 0
        while movable := self.movable():
            if depth == len(order):
                order.append([0, len(movable)])
            taken, count = order[depth]
            assert count == len(movable), "the program does not repeat itself"
            depth += 1
            self.seats[movable[taken]].go.release()
            self.moved.acquire()
        result = outcome(self.results)
        self.over = True
        for seat in self.seats:
            if not seat.done:
                seat.go.release()
                self.moved.acquire()
        return result


class GatedLock:
    """A real lock that a thread takes only in its turn."""

    def __init__(self) -> None:
        self.real = real_lock()
        self.owner: Seat | None = None
        self.others_may_release = False
        """A release is no turn of its own, as nobody can come in between and see it, unless others release it, too."""
        self.maker = Table.current.seat()
        """The thread that made it for itself (a condition's waiter does); nobody else knows it when it takes it first."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        table = Table.current
        seat = table.seat()
        if seat is None or table.over:
            return self.real.acquire(False)
        known = self.owner is seat and not self.others_may_release
        alone = self.maker is seat or (known and not blocking)
        if not alone and not (seat.fresh and not self.locked()):
            table.wait_for_turn(seat, self if blocking and timeout < 0 else None)
        seat.fresh = False
        self.maker = None
        got = self.real.acquire(False)
        if got:
            self.owner = seat
        elif blocking:
            assert timeout >= 0
            seat.clock_s += timeout
        return got

    def release(self) -> None:
        table = Table.current
        seat = table.seat()
        if self.others_may_release and seat is not None and not table.over and not seat.fresh:
            table.wait_for_turn(seat)
        self.owner = None
        if not table.over or self.real.locked():
            self.real.release()

    def locked(self) -> bool:
        return self.real.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _time() -> float:
    seat = Table.current.seat()
    return 0.0 if seat is None else seat.clock_s


@contextmanager
def on_one_core() -> Iterator[None]:
    """One thread moves at a time, so a second core could only make its turn come later, by the way to the other core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(before)])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def gated() -> Iterator[None]:
    """``threading`` and ``queue`` as they are in Python's source, on gated locks."""
    names: list[tuple[Any, str, Any]] = [
        (threading, "_allocate_lock", GatedLock),
        (threading, "Lock", GatedLock),
        (threading, "RLock", threading._PyRLock),  # pyright: ignore[reportAttributeAccessIssue]
        (threading, "_time", _time),
        (queue, "time", _time),
        (queue, "SimpleQueue", queue._PySimpleQueue),  # pyright: ignore[reportAttributeAccessIssue]
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in names]
    for module, name, value in names:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


LOOK = 50
"""After every so many orders it is estimated how many there will be."""
HOPELESS = 2
"""So many times as many as wanted, and the rest is not worth the time: the estimate is seldom that wrong."""


def force(program: Program, most: int) -> set[Any] | None:
    """The outcomes of every forced order; None when there are, or clearly will be, more than ``most``."""
    found: set[Any] = set()
    order: list[list[int]] = []
    with on_one_core(), gated():
        for played in range(1, most + 1):
            found.add(Table(program).play(order))
            while order:
                order[-1][0] += 1
                if order[-1][0] < order[-1][1]:
                    break
                order.pop()
            if not order:
                return found
            if played % LOOK == 0 and played > HOPELESS * most * share(order):
                return None
    return None


def share(order: list[list[int]]) -> float:
    """How much of all orders lies behind, were all branches of a point equally large."""
    behind, width = 0.0, 1.0
    for taken, count in order:
        width /= count
        behind += taken * width
    return behind


# The tests.


def compare(program: Program, most: int) -> bool:
    forced = force(program, most)
    if forced is None:
        return False
    assert explore(program) == forced
    return True


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs without loops need no bound on polling; with it no program would be explored completely."""
    monkeypatch.setattr(explored, "POLLS_IN_A_ROW", 1 << 30)


def programs(family: str) -> st.SearchStrategy[Program]:
    operation = st.sampled_from(FAMILIES[family].split())
    two = st.tuples(*[st.lists(operation, min_size=1, max_size=3).map(tuple)] * 2)
    three = st.tuples(*[st.lists(operation, min_size=1, max_size=2).map(tuple)] * 3)
    return st.builds(
        Program, two | three, permits=st.integers(0, 2), room=st.integers(1, 2), plain_condition=st.booleans()
    ).filter(_is_modelled)


def _is_modelled(program: Program) -> bool:
    """Not: a condition on a plain lock that others release. CPython then asks "is it mine?" by taking it for a moment,
    which other threads can notice; our question is one step."""
    return not (program.plain_condition and any("c-" in operations for operations in program.threads))


CHECKS = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.function_scoped_fixture,
]


def agree(family: str, examples: int, most: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=CHECKS, derandomize=True, database=None)
    @given(programs(family))
    def agrees(program: Program) -> None:
        assume(compare(program, most))

    agrees()


@pytest.mark.parametrize("family", FAMILIES)
def test_explored_outcomes_are_those_of_real_threads(family: str) -> None:
    agree(family, examples=6, most=150)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_explored_outcomes_are_those_of_real_threads_in_many_programs(family: str) -> None:
    agree(family, examples=40, most=1_000)


FOUND = {
    "a notify wasted on a waiter whose time is up": Program((("c~",), ("cw",), ("cn",))),
    "a flag raised and lowered at once": Program((("ew",), ("e+", "e-"))),
    "a lock that somebody else releases before the wait does": Program((("cw",), ("c-",)), plain_condition=True),
    "barging in before the one that was woken": Program((("cw", "a?"), ("cn", "a+", "cn"))),
}


@pytest.mark.parametrize("program", FOUND.values(), ids=FOUND)
def test_what_programs_have_shown(program: Program) -> None:
    assert compare(program, most=20_000)


def test_the_oracle_tries_every_order() -> None:
    found = force(Program((("a+", "a-"), ("a?",))), most=100)
    assert found == {((True, None), (True,)), ((True, None), (False,)), ((), (True,))}
