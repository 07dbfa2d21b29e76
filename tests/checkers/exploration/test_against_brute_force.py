"""Random small programs, run by plain enumeration of every schedule and by partial-order reduction.

The oracle knows nothing of reduction: at every scheduling point it tries every thread that may move. Both must see the
same set of outcomes (what every operation of every thread returned, who is blocked where), and the reduction must run
each Mazurkiewicz trace exactly once. A trace is written down in canonical form here, from the dependency table alone:
which steps there were, and the order of every dependent pair.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weft.checkers.exploration.dpor import OptimalDpor, key_of
from weft.simcore import explored
from weft.simcore.dependency import DEPENDENT
from weft.simcore.explored import Execution, ExploredWorld, Outcome
from weft.simcore.takeover import takeover
from weft.simcore.threads import VirtualThread
from weft.simcore.world import Operation

Key = tuple[int, int, int, int]
Returned = list[list[Any]]
Program = Callable[[Returned], None]
"""A program fills in a list for each thread with what its operations returned."""


class Log:
    """Writes the steps of one execution down."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, Key]] = []

    def add(self, thread: VirtualThread, operation: Operation, code: int) -> None:
        key = key_of(operation, code)
        if key[1] or key[3]:
            self.steps.append((thread.uid, key))

    def trace(self) -> Any:
        """The canonical form of the Mazurkiewicz trace."""
        count: dict[int, int] = {}
        named: list[tuple[int, int, Key]] = []
        for uid, key in self.steps:
            count[uid] = count.get(uid, 0) + 1
            named.append((uid, count[uid], key))
        pairs = frozenset(
            (before[:2], after[:2])
            for position, before in enumerate(named)
            for after in named[position + 1 :]
            if before[0] != after[0] and _dependent(before[2], after[2])
        )
        return frozenset(named), pairs


def _dependent(a: Key, b: Key) -> bool:
    return any(
        uid == other and uid != -1 and DEPENDENT[code][other_code]
        for uid, code in (a[:2], a[2:])
        for other, other_code in (b[:2], b[2:])
    )


class EverySchedule:
    """Depth-first over every choice there is."""

    def __init__(self) -> None:
        self.path: list[list[int]] = []
        """Per scheduling point: which thread is taken now, out of how many."""
        self.log = Log()
        self.depth = 0

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        threads = [thread for thread in world.live if world.enabled(thread)]
        if not threads:
            return None
        if self.depth == len(self.path):
            self.path.append([0, len(threads)])
        taken, count = self.path[self.depth]
        assert count == len(threads), "the program does not repeat itself"
        self.depth += 1
        return threads[taken]

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        self.log.add(thread, operation, code)

    def share(self) -> float:
        """How much of the tree of choices lies behind, were all branches of a point equally large."""
        behind, width = 0.0, 1.0
        for taken, count in self.path:
            width /= count
            behind += taken * width
        return behind

    def next_execution(self) -> bool:
        self.log, self.depth = Log(), 0
        while self.path:
            self.path[-1][0] += 1
            if self.path[-1][0] < self.path[-1][1]:
                return True
            self.path.pop()
        return False


class LoggedDpor(OptimalDpor):
    """The product's strategy, with the steps written down."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        super().took(world, thread, operation, code)
        self.log.add(thread, operation, code)

    def next_execution(self) -> bool:
        self.log = Log()
        return super().next_execution()


@dataclass
class Explored:
    """What all executions of a program came to."""

    outcomes: set[Any] = field(default_factory=set)
    traces: list[Any] = field(default_factory=list)
    """The canonical trace of every execution."""
    executions: int = 0


def _outcome(execution: Execution, returned: Returned) -> Any:
    stuck = [
        (thread.name, thread.pending.label, thread.pending.target.uid) for thread in execution.stuck if thread.pending
    ]
    failed = [(thread.name, repr(thread.failure[0])) for thread in execution.failures if thread.failure]
    return execution.outcome.value, tuple(map(tuple, returned)), tuple(sorted(stuck)), tuple(sorted(failed))


@contextmanager
def _patience() -> Iterator[None]:
    """Programs without loops need no bound on polling; with it no program would be explored completely."""
    before, explored.POLLS_IN_A_ROW = explored.POLLS_IN_A_ROW, 1 << 30
    try:
        yield
    finally:
        explored.POLLS_IN_A_ROW = before


LOOK = 50
"""After every so many executions it is estimated how many there will be."""
HOPELESS = 2
"""So many times as many as wanted, and the rest is not worth the time: the estimate is seldom that wrong."""


def run_all(program: Program, strategy: EverySchedule | LoggedDpor, most: int) -> Explored | None:
    """Run until the strategy is done; None after ``most`` executions, or when there are clearly more."""
    found = Explored()
    thread_uids: dict[tuple[int, int], int] = {}
    with _patience(), takeover():
        while found.executions < most:
            returned: Returned = []
            world = ExploredWorld(strategy, thread_uids=thread_uids)
            execution = world.run(lambda returned=returned: program(returned))
            if execution.outcome is not Outcome.REDUNDANT:
                found.executions += 1
                found.outcomes.add(_outcome(execution, returned))
                found.traces.append(strategy.log.trace())
            if isinstance(strategy, LoggedDpor):
                strategy.finished(world)
            world.dissolve()
            if not strategy.next_execution():
                return found
            hopeless = isinstance(strategy, EverySchedule) and found.executions > HOPELESS * most * strategy.share()
            if hopeless and found.executions % LOOK == 0:
                return None
    return None


def compare(program: Program, most: int) -> bool:
    """The check of this file; False when the program has more schedules than ``most``."""
    every = run_all(program, EverySchedule(), most)
    if every is None:
        return False
    strategy = LoggedDpor()
    reduced = run_all(program, strategy, every.executions + 1)
    assert reduced is not None, "more executions than there are schedules"
    assert reduced.outcomes == every.outcomes
    assert len(set(reduced.traces)) == len(reduced.traces), "a trace was run twice"
    assert set(reduced.traces) == set(every.traces)
    assert strategy.infeasible == 0
    assert not strategy.truncated
    return True


# Programs: an operation is one letter for the object and one or two for what is done to it.


class Objects:
    """One object of every kind, named by the first letter of its operations."""

    def __init__(self, program: Small) -> None:
        self.a, self.b, self.r = threading.Lock(), threading.Lock(), threading.RLock()
        self.s, self.t = threading.Semaphore(program.permits), threading.BoundedSemaphore(max(program.permits, 1))
        self.e = threading.Event()
        self.q: queue.Queue[str] = queue.Queue(program.room)
        self.u: queue.Queue[str] = queue.Queue()
        self.p: queue.Queue[str] = queue.LifoQueue(program.room)
        self.z: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.c = threading.Condition(threading.Lock() if program.plain_condition else None)
        self.w = threading.Barrier(2)
        self.threads: list[threading.Thread] = []
        self._made: dict[str, int] = {}

    def item(self) -> str:
        """An item that says who made it."""
        name = threading.current_thread().name
        self._made[name] = self._made.get(name, 0) + 1
        return f"{name}.{self._made[name]}"

    def holding(self, action: Callable[[], Any]) -> Any:
        with self.c:
            return action()

    def thread(self, number: int) -> threading.Thread:
        return self.threads[number % len(self.threads)]


OPERATIONS: dict[str, Callable[[Objects], Any]] = {
    "a+": lambda o: o.a.acquire(),
    "a-": lambda o: o.a.release(),
    "a?": lambda o: o.a.acquire(blocking=False),
    "a~": lambda o: o.a.acquire(timeout=1),
    "a.": lambda o: o.a.locked(),
    "b+": lambda o: o.b.acquire(),
    "b-": lambda o: o.b.release(),
    "b?": lambda o: o.b.acquire(blocking=False),
    "r+": lambda o: o.r.acquire(),
    "r-": lambda o: o.r.release(),
    "r?": lambda o: o.r.acquire(blocking=False),
    "r~": lambda o: o.r.acquire(timeout=1),
    "s+": lambda o: o.s.acquire(),
    "s-": lambda o: o.s.release(),
    "s2": lambda o: o.s.release(2),
    "s?": lambda o: o.s.acquire(blocking=False),
    "s~": lambda o: o.s.acquire(timeout=1),
    "t+": lambda o: o.t.acquire(),
    "t-": lambda o: o.t.release(),
    "t?": lambda o: o.t.acquire(blocking=False),
    "e+": lambda o: o.e.set(),
    "e-": lambda o: o.e.clear(),
    "ew": lambda o: o.e.wait(),
    "e~": lambda o: o.e.wait(1),
    "e?": lambda o: o.e.is_set(),
    "q+": lambda o: o.q.put(o.item()),
    "q-": lambda o: o.q.get(),
    "q+?": lambda o: o.q.put_nowait(o.item()),
    "q-?": lambda o: o.q.get_nowait(),
    "q+~": lambda o: o.q.put(o.item(), timeout=1),
    "q-~": lambda o: o.q.get(timeout=1),
    "qs": lambda o: o.q.qsize(),
    "qe": lambda o: o.q.empty(),
    "qf": lambda o: o.q.full(),
    "qd": lambda o: o.q.task_done(),
    "qj": lambda o: o.q.join(),
    "u+": lambda o: o.u.put(o.item()),
    "u-": lambda o: o.u.get(),
    "u-?": lambda o: o.u.get_nowait(),
    "us": lambda o: o.u.qsize(),
    "ud": lambda o: o.u.task_done(),
    "uj": lambda o: o.u.join(),
    "p+": lambda o: o.p.put(o.item()),
    "p-": lambda o: o.p.get(),
    "p+?": lambda o: o.p.put_nowait(o.item()),
    "p-?": lambda o: o.p.get_nowait(),
    "ps": lambda o: o.p.qsize(),
    "z+": lambda o: o.z.put(o.item()),
    "z-": lambda o: o.z.get(),
    "z-?": lambda o: o.z.get_nowait(),
    "zs": lambda o: o.z.qsize(),
    "cw": lambda o: o.holding(o.c.wait),
    "c~": lambda o: o.holding(lambda: o.c.wait(1)),
    "cn": lambda o: o.holding(o.c.notify),
    "ca": lambda o: o.holding(o.c.notify_all),
    "c+": lambda o: o.c.acquire(),
    "c-": lambda o: o.c.release(),
    "c?": lambda o: o.c.acquire(blocking=False),
    "cn!": lambda o: o.c.notify(),
    "cw!": lambda o: o.c.wait(),
    "w": lambda o: o.w.wait(),
    "w~": lambda o: o.w.wait(1),
    "wa": lambda o: o.w.abort(),
    "wr": lambda o: o.w.reset(),
    "wn": lambda o: o.w.n_waiting,
    "wb": lambda o: o.w.broken,
    "j0": lambda o: o.thread(0).join(1),
    "j1": lambda o: o.thread(1).join(1),
    "j1!": lambda o: o.thread(1).join(),
    "l0": lambda o: o.thread(0).is_alive(),
    "l1": lambda o: o.thread(1).is_alive(),
    "lc": lambda o: threading.active_count(),
}

FAMILIES = {
    "two locks": "a+ a- a? a~ a. b+ b- b?",
    "re-entrant lock": "r+ r- r? r~ a+ a-",
    "semaphore": "s+ s- s? s~ s2 a+ a-",
    "bounded semaphore": "t+ t- t? a+ a-",
    "event": "e+ e- ew e~ e? a+ a-",
    "bounded queue": "q+ q- q+? q-? q+~ q-~ qs qe qf qd qj",
    "queue": "u+ u- u-? us ud uj",
    "stack": "p+ p- p+? p-? ps",
    "simple queue": "z+ z- z-? zs",
    "condition": "cw c~ cn ca c+ c- c? cn! cw!",
    "barrier": "w w w~ wa wr wn wb",
    "threads": "j0 j1 j1! l0 l1 lc e+ ew a+",
    "everything": " ".join(OPERATIONS),
}


@dataclass(frozen=True)
class Small:
    """A small program: the operations of each thread, and of the main thread after it started them."""

    threads: tuple[tuple[str, ...], ...]
    main: tuple[str, ...] = ()
    permits: int = 1
    room: int = 1
    plain_condition: bool = False

    def __call__(self, returned: Returned) -> None:
        objects = Objects(self)
        returned += [[] for _ in (self.main, *self.threads)]

        def run(operations: tuple[str, ...], mine: list[Any]) -> None:
            for name in operations:
                try:
                    mine.append(OPERATIONS[name](objects))
                except Exception as error:
                    mine.append(type(error).__name__)

        for number, operations in enumerate(self.threads):
            thread = threading.Thread(target=run, args=(operations, returned[number + 1]), name=f"t{number}")
            objects.threads.append(thread)
        for thread in objects.threads:
            thread.start()
        run(self.main, returned[0])
        for thread in objects.threads:
            thread.join()


def small(family: str) -> st.SearchStrategy[Small]:
    operation = st.sampled_from(FAMILIES[family].split())
    two = st.tuples(*[st.lists(operation, min_size=1, max_size=4).map(tuple)] * 2)
    three = st.tuples(*[st.lists(operation, min_size=1, max_size=3).map(tuple)] * 3)
    return st.builds(
        Small,
        two | three,
        st.lists(operation, max_size=2).map(tuple),
        permits=st.integers(0, 2),
        room=st.integers(1, 2),
        plain_condition=st.booleans(),
    )


UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
QUICK = settings(max_examples=8, deadline=None, suppress_health_check=UNHURRIED, derandomize=True, database=None)
THOROUGH = settings(max_examples=20, deadline=None, suppress_health_check=UNHURRIED)


@pytest.mark.parametrize("family", FAMILIES)
def test_reduction_agrees_with_enumeration(family: str) -> None:
    @QUICK
    @given(small(family))
    def agrees(program: Small) -> None:
        assume(compare(program, most=200))

    agrees()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_reduction_agrees_with_enumeration_in_many_programs(family: str) -> None:
    @THOROUGH
    @given(small(family))
    def agrees(program: Small) -> None:
        assume(compare(program, most=1_000))

    agrees()


# What random programs have found, made small. Each was a trace missed or run twice.
FOUND = {
    "a failed try hid the race with the try before it": Small((("b?", "b?"), ("b+",))),
    "a failed try of a third thread": Small((("b+",), ("b?",), ("a?", "b+"))),
    "a stray release never came first": Small((("a-",), ("a+",))),
    "whose release it is shows only when it happens": Small((("a~", "a-"), ("a-", "a+"))),
    "a release made stray by another": Small((("a-", "a+"),), ("a+", "a-")),
    "a plain condition asks whether anybody holds the lock": Small((("cn",),), ("c-",), plain_condition=True),
    "a wait that releases another thread's lock": Small((("cw!",), ("c~",)), plain_condition=True),
    "a lowered flag lowered again": Small((("e-",), ("a+", "ew"))),
    "two threads that lower a flag": Small((("ew",), ("e+", "e-")), ("e-",)),
    "a wait that could overtake one clear but not both": Small((("e-",), ("e+", "ew", "e-")), ("ew",)),
    "join before the second put": Small((("u+", "u+"), ("uj",))),
    "a full queue and a try": Small((("q+",), ("qj", "q+?", "q+~"))),
    "a get whose item another get would have taken": Small((("z+", "zs"), ("z-?", "z+"), ("z-",)), ("z-",)),
    "a leaf behind a guessed step covered too much": Small((("z-?",), ("zs", "zs")), ("z+",)),
    "a leaf behind a guessed step, longer": Small((("z+", "z-?", "z+"), ("z+", "z-", "zs", "zs")), ("z-?",)),
    "a permit that was never there": Small((("t+", "t+", "t?"), ("a+", "t+")), permits=2),
    "a barrier reset and looked at": Small((("w",), ("wb", "wb"), ("wr",))),
}


@pytest.mark.parametrize("program", FOUND.values(), ids=FOUND)
def test_what_was_once_wrong(program: Small) -> None:
    assert compare(program, most=5_000)


# Pools and futures.

TASKS = {
    "": lambda objects: None,
    "set": lambda objects: objects.e.set(),
    "look": lambda objects: objects.e.is_set(),
    "wait": lambda objects: objects.e.wait(1),
    "lock": lambda objects: objects.holding(lambda: None),
    "put": lambda objects: objects.z.put("item"),
    "raise": lambda objects: {}["no such key"],
}


@dataclass(frozen=True)
class Pooled:
    """A program on one pool: two kinds of task, and what the main thread and perhaps a second one do with them."""

    workers: int
    tasks: tuple[str, str]
    main: tuple[str, ...]
    other: tuple[str, ...] = ()

    def __call__(self, returned: Returned) -> None:
        pool = concurrent.futures.ThreadPoolExecutor(self.workers)
        objects = Objects(Small(()))
        returned += [[], []]

        def run(operations: tuple[str, ...], mine: list[Any]) -> None:
            futures: dict[int, concurrent.futures.Future[Any]] = {}
            for name in operations:
                try:
                    mine.append(self.act(name, pool, futures, objects))
                except (Exception, concurrent.futures.CancelledError) as error:
                    mine.append(type(error).__name__)

        thread = threading.Thread(target=run, args=(self.other, returned[1]), name="other")
        if self.other:
            thread.start()
        run(self.main, returned[0])
        if self.other:
            thread.join()

    def act(
        self, name: str, pool: concurrent.futures.ThreadPoolExecutor, futures: dict[int, Any], objects: Objects
    ) -> Any:
        verb, _, argument = name.partition(" ")
        if verb == "submit":
            futures[int(argument)] = pool.submit(TASKS[self.tasks[int(argument)]], objects)
            return None
        if verb == "shutdown":
            return pool.shutdown(wait=argument == "wait", cancel_futures=argument == "cancel")
        if verb == "wait":
            known = list(futures.values())
            when, _, timeout = argument.partition(" ")
            done = concurrent.futures.wait(known, 1 if timeout else None, getattr(concurrent.futures, when)).done
            return tuple(future in done for future in known)
        if verb == "completed":
            known = list(futures.values())
            return tuple(known.index(future) for future in concurrent.futures.as_completed(known))
        if verb == "size":
            return objects.z.qsize()
        future = futures.get(int(argument))
        if future is None:
            return "none"
        if verb == "callback":
            return future.add_done_callback(lambda _: objects.z.put("called"))
        if verb == "result~":
            return future.result(1)
        return getattr(future, verb)()


POOL_OPERATIONS = [
    *("submit 0", "submit 0", "submit 1", "submit 1", "result 0", "result 1", "result~ 0", "done 0", "done 1"),
    *("running 0", "cancel 0", "cancel 1", "callback 0", "shutdown", "shutdown wait", "shutdown cancel"),
    *("wait FIRST_COMPLETED", "wait ALL_COMPLETED", "wait FIRST_EXCEPTION", "wait FIRST_COMPLETED timeout"),
    *("completed", "size"),
]

pooled = st.builds(
    Pooled,
    st.integers(1, 2),
    st.tuples(*[st.sampled_from(sorted(TASKS))] * 2),
    st.lists(st.sampled_from(POOL_OPERATIONS), min_size=1, max_size=4).map(lambda rest: ("submit 0", *rest)),
    st.lists(st.sampled_from(POOL_OPERATIONS), max_size=2).map(tuple),
)


@QUICK
@given(pooled)
def test_reduction_agrees_with_enumeration_on_pools(program: Pooled) -> None:
    assume(compare(program, most=300))


@pytest.mark.parametrize(
    "program",
    [
        Pooled(2, ("", ""), ("submit 0", "submit 1", "result 0", "completed")),
        Pooled(1, ("", ""), ("submit 0", "submit 1", "cancel 1")),
        Pooled(1, ("", ""), ("submit 0", "submit 1", "cancel 0", "shutdown cancel")),
    ],
    ids=["completed at once, in no order", "cancelled while queued", "drained"],
)
def test_pools_that_tell_orders_apart(program: Pooled) -> None:
    assert compare(program, most=5_000)


@pytest.mark.slow
@THOROUGH
@given(pooled)
def test_reduction_agrees_with_enumeration_on_many_pools(program: Pooled) -> None:
    assume(compare(program, most=1_000))
