"""What each primitive orders, and what it does not, in all three worlds; and that the explored world agrees.

Programs mark places by taking a semaphore that nobody else knows; its size is the number of the mark.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Any

import pytest

from weft.checkers.race.happens_before import Order, clock_steps
from weft.real_runs.log import Recorder as RealRecorder
from weft.real_runs.recorded.takeover import recording
from weft.simcore import world as worlds
from weft.simcore.explored import ExploredWorld
from weft.simcore.recorder import Recorder
from weft.simcore.takeover import takeover
from weft.simcore.threads import VirtualThread
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder, load
from weft.simcore.world import Operation

MARKS = 1000
WORLDS = ("explored", "timed", "real")
HEADER = Header("test", "explored")
Program = Callable[[], object]


def mark(number: int) -> None:
    threading.Semaphore(MARKS + number).acquire()


def threads(*bodies: Program) -> list[threading.Thread]:
    made = [threading.Thread(target=body) for body in bodies]
    for thread in made:
        thread.start()
    return made


def join(made: list[threading.Thread]) -> None:
    for thread in made:
        thread.join()


class Drawn:
    """Chooses at random, but always the same for one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        able = [thread for thread in world.live if world.enabled(thread)]
        if not able and world.release_patient():
            able = [thread for thread in world.live if world.enabled(thread)]
        return self.random.choice(able) if able else None

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        return


class Listening(Recorder):
    """Keeps what the explored world itself says was needed for each event."""

    def __init__(self) -> None:
        super().__init__(HEADER)
        self.needed: list[tuple[int, int]] = []
        """Pairs of event indices."""
        self._event_of: dict[int, int] = {}

    def took(self, thread: VirtualThread, operation: Operation, op: Op, result: Any) -> None:
        world: Any = worlds.active
        event = len(self.builder.rows)
        self._event_of[world.step - 1] = event
        self.needed += [(self._event_of[step], event) for step in world.edges]
        super().took(thread, operation, op, result)


def explored(program: Program, seed: int) -> tuple[Trace, list[tuple[int, int]]]:
    listening = Listening()
    with takeover():
        ExploredWorld(Drawn(seed), observer=listening).run(lambda: program() and None)
    return listening.trace(), listening.needed


def trace_in(world: str, program: Program, folder: Path, seed: int = 0) -> Trace:
    if world == "explored":
        return explored(program, seed)[0]
    if world == "timed":
        with takeover():
            run = TimedWorld(cores=2, measure=False, trace=True).run(lambda: program() and None)
        assert run.trace is not None
        return run.trace
    recorder = RealRecorder(folder / "run.weft", Header("test", "real"))
    with recording(recorder):
        program()
    recorder.close()
    return load(folder / "run.weft")


class Ordered:
    """``ordered(0, 1)``: does mark 0 happen before mark 1?"""

    def __init__(self, trace: Trace, **how: Any) -> None:
        self.order = Order(clock_steps(trace, **how))
        self.places = {
            trace.tables.objects[row[3]].capacity - MARKS: (index, row[0])
            for index, row in enumerate(trace.rows())
            if row[1] == Op.ACQUIRE and trace.tables.objects[row[3]].capacity >= MARKS
        }

    def __call__(self, earlier: int, later: int) -> bool:
        return self.order.ordered(*self.places[earlier], *self.places[later])

    def unordered(self, one: int, other: int) -> bool:
        return not self(one, other) and not self(other, one)


@pytest.fixture(params=WORLDS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Ordered]:
    return lambda program, **how: Ordered(trace_in(request.param, program, tmp_path), **how)


Run = Callable[..., Ordered]


def test_a_thread_is_after_its_start_and_before_its_join(run: Run) -> None:
    def program() -> None:
        mark(0)
        made = threads(lambda: mark(1))
        mark(2)
        join(made)
        mark(3)

    ordered = run(program)
    assert ordered(0, 1)
    assert ordered(1, 3)
    assert ordered.unordered(1, 2)


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock], ids=["Lock", "RLock"])
def test_critical_sections_are_ordered_and_what_is_before_them_is_not(run: Run, make: Callable[[], Any]) -> None:
    def program() -> None:
        lock = getattr(threading, make.__name__ if make is threading.RLock else "Lock")()

        def body(number: int) -> None:
            mark(10 + number)
            with lock:
                mark(number)

        join(threads(lambda: body(0), lambda: body(1)))

    ordered = run(program)
    assert ordered(0, 1) != ordered(1, 0)
    assert ordered.unordered(10, 11)
    second = 1 if ordered(0, 1) else 0
    assert ordered.unordered(10 + second, 1 - second)


def test_only_the_outermost_level_of_an_rlock_orders(run: Run) -> None:
    def program() -> None:
        lock = threading.RLock()

        def body(number: int) -> None:
            with lock:
                with lock:
                    mark(number)
                mark(10 + number)

        join(threads(lambda: body(0), lambda: body(1)))

    ordered = run(program)
    first = 0 if ordered(0, 1) else 1
    assert ordered(10 + first, 1 - first)


def test_a_notify_orders_whom_it_woke_and_nobody_else(run: Run) -> None:
    def program() -> None:
        condition = threading.Condition()
        waiting: list[int] = []
        arrived, woken = threading.Semaphore(0), threading.Semaphore(0)

        def waiter(number: int) -> None:
            with condition:
                waiting.append(number)
                arrived.release()
                condition.wait()
                mark(10 + waiting.index(number))
            woken.release()

        made = threads(lambda: waiter(0), lambda: waiter(1))
        arrived.acquire()
        arrived.acquire()
        for number in (0, 1):
            with condition:
                mark(number)
                condition.notify()
            if number == 0:
                woken.acquire()
        join(made)

    ordered = run(program, locks=False)
    assert ordered(0, 10)
    assert ordered(1, 11)
    assert not ordered(1, 10)
    assert ordered(10, 1), "through the semaphore"
    by_locks = run(program)
    assert by_locks(0, 10)
    assert by_locks(1, 11)


def test_a_wait_releases_its_lock(run: Run) -> None:
    def program() -> None:
        condition = threading.Condition()
        arrived = threading.Semaphore(0)

        def waiter() -> None:
            with condition:
                arrived.release()
                mark(0)
                condition.wait()

        made = threads(waiter)
        arrived.acquire()
        with condition:
            mark(1)
            condition.notify_all()
        join(made)

    ordered = run(program)
    assert ordered(0, 1)
    assert run(program, locks=False).unordered(0, 1)


def test_a_permit_orders_its_giver_and_its_taker(run: Run) -> None:
    def program() -> None:
        permits = threading.Semaphore(0)

        def giver() -> None:
            mark(0)
            permits.release()
            mark(2)

        made = threads(giver)
        permits.acquire()
        mark(1)
        join(made)

    ordered = run(program)
    assert ordered(0, 1)
    assert ordered.unordered(2, 1)


@pytest.mark.parametrize("world", ["explored", "timed"])
def test_permits_that_were_there_order_nothing_and_each_given_one_has_its_own_clock(world: str, tmp_path: Path) -> None:
    def program() -> None:
        permits = threading.Semaphore(2)

        def body(number: int) -> None:
            with permits:
                mark(number)

        join(threads(lambda: body(0), lambda: body(1)))

        several = threading.Semaphore(0)
        mark(3)
        several.release(3)
        mark(4)
        join(threads(lambda: several.acquire() and mark(5), lambda: several.acquire() and mark(6)))

    trace = trace_in(world, program, tmp_path)
    precise, weak = Ordered(trace), Ordered(trace, semaphores="weak")
    assert precise.unordered(0, 1)
    assert precise(3, 5)
    assert precise(3, 6)
    assert weak(3, 6)


def test_weak_semaphores_order_every_acquire_after_every_release() -> None:
    builder = TraceBuilder(HEADER)
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two"), ThreadInfo("three")]
    builder.tables.objects += [ObjectInfo("Semaphore", "permits", capacity=0)]
    for thread, operation in ((0, Op.RELEASE), (1, Op.RELEASE), (2, Op.ACQUIRE)):
        builder.add(thread, operation, 0)
    trace = builder.build()
    precise, weak = Order(clock_steps(trace)), Order(clock_steps(trace, semaphores="weak"))
    assert precise.ordered(0, 0, 2, 2)
    assert not precise.ordered(1, 1, 2, 2)
    assert weak.ordered(0, 0, 2, 2)
    assert weak.ordered(1, 1, 2, 2)


def test_a_full_bounded_semaphore_makes_no_permit() -> None:
    builder = TraceBuilder(HEADER)
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two"), ThreadInfo("three")]
    builder.tables.objects += [ObjectInfo("BoundedSemaphore", "permits", capacity=1)]
    steps = ((0, Op.RELEASE), (1, Op.ACQUIRE), (1, Op.RELEASE), (2, Op.ACQUIRE))
    for thread, operation in steps:
        builder.add(thread, operation, 0)
    order = Order(clock_steps(builder.build()))
    assert not order.ordered(0, 0, 3, 2), "that release raised an error"
    assert order.ordered(2, 1, 3, 2)


def test_setting_an_event_orders_who_waited(run: Run) -> None:
    def program() -> None:
        event = threading.Event()

        def setter() -> None:
            mark(0)
            event.set()
            mark(2)

        made = threads(setter)
        event.wait()
        mark(1)
        join(made)

    ordered = run(program)
    assert ordered(0, 1)
    assert ordered.unordered(2, 1)


def test_a_barrier_orders_its_rounds(run: Run) -> None:
    def program() -> None:
        barrier = threading.Barrier(2)

        def body(number: int) -> None:
            for turn in range(3):
                mark(10 * turn + number)
                barrier.wait()

        join(threads(lambda: body(0), lambda: body(1)))

    ordered = run(program)
    for turn in (0, 10):
        assert ordered.unordered(turn, turn + 1)
        for one in (0, 1):
            for other in (0, 1):
                assert ordered(turn + one, turn + 10 + other)


def test_a_barriers_action_is_after_all_arrivals_and_before_all_leave(run: Run) -> None:
    def program() -> None:
        barrier = threading.Barrier(3, lambda: mark(100))

        def body(number: int) -> None:
            mark(number)
            barrier.wait()
            mark(10 + number)

        join(threads(*(lambda number=number: body(number) for number in range(3))))

    ordered = run(program)
    for number in range(3):
        assert ordered(number, 100)
        assert ordered(100, 10 + number)
    assert ordered.unordered(10, 11)


def test_a_barrier_with_more_threads_than_parties_keeps_every_order_there_is(run: Run) -> None:
    def program() -> None:
        barrier = threading.Barrier(2)

        def body(number: int) -> None:
            mark(number)
            barrier.wait()
            mark(10 + number)

        join(threads(*(lambda number=number: body(number) for number in range(4))))

    ordered = run(program)
    for number in range(4):
        assert any(ordered(other, 10 + number) for other in range(4) if other != number)


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_an_item_orders_its_put_and_its_get(run: Run, kind: str) -> None:
    def program() -> None:
        items = getattr(queue, kind)()

        def putter() -> None:
            mark(0)
            items.put(1)
            mark(2)

        made = threads(putter)
        items.get()
        mark(1)
        join(made)

    ordered = run(program)
    assert ordered(0, 1)
    assert ordered.unordered(2, 1)


def test_each_item_has_its_own_clock_and_puts_are_not_ordered(run: Run) -> None:
    def program() -> None:
        items: queue.Queue[int] = queue.Queue()

        def putter(number: int) -> None:
            mark(number)
            items.put(number)

        made = threads(lambda: putter(0), lambda: putter(1))
        mark(10 + items.get())
        mark(20 + items.get())
        join(made)

    ordered = run(program)
    assert ordered.unordered(0, 1)
    first = 0 if 10 in ordered.places else 1
    assert ordered(first, 10 + first)
    assert not ordered(1 - first, 10 + first)
    assert ordered(1 - first, 20 + 1 - first)


def test_the_last_item_in_is_the_first_out() -> None:
    builder = TraceBuilder(HEADER)
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two"), ThreadInfo("three")]
    builder.tables.objects += [ObjectInfo("LifoQueue", "items")]
    for thread, operation in ((0, Op.PUT), (1, Op.PUT), (2, Op.GET)):
        builder.add(thread, operation, 0)
    order = Order(clock_steps(builder.build()))
    assert order.ordered(1, 1, 2, 2)
    assert not order.ordered(0, 0, 2, 2)


def test_a_put_that_had_to_wait_is_after_the_get_that_made_room(run: Run) -> None:
    def program() -> None:
        items: queue.Queue[int] = queue.Queue(1)

        def putter() -> None:
            items.put(1)
            items.put(2)
            mark(1)

        made = threads(putter)
        mark(0)
        items.get()
        items.get()
        join(made)

    assert run(program)(0, 1)


def test_all_tasks_done_orders_the_join(run: Run) -> None:
    def program() -> None:
        items: queue.Queue[int] = queue.Queue()
        for number in range(2):
            items.put(number)

        def worker() -> None:
            number = items.get()
            mark(number)
            items.task_done()

        made = threads(worker, worker)
        items.join()
        mark(2)
        join(made)

    ordered = run(program)
    assert ordered(0, 2)
    assert ordered(1, 2)
    assert ordered.unordered(0, 1)


def test_a_task_is_after_its_submit_and_before_its_result(run: Run) -> None:
    def program() -> None:
        with ThreadPoolExecutorNow()(2) as pool:
            mark(0)
            future = pool.submit(mark, 1)
            mark(2)
            future.result()
            mark(3)

    ordered = run(program)
    assert ordered(0, 1)
    assert ordered(1, 3)
    assert ordered.unordered(2, 1)


def ThreadPoolExecutorNow() -> type[ThreadPoolExecutor]:  # noqa: N802 - a class
    """The class under that name at this moment: a world's."""
    import concurrent.futures

    return concurrent.futures.ThreadPoolExecutor


@pytest.mark.parametrize("how", ["wait", "as_completed", "shutdown", "exception"])
def test_whoever_learns_that_a_task_is_done_is_after_it(run: Run, how: str) -> None:
    def program() -> None:
        import concurrent.futures

        pool = ThreadPoolExecutorNow()(2)
        futures = [pool.submit(mark, number) for number in range(2)]
        if how == "wait":
            concurrent.futures.wait(futures)
        elif how == "as_completed":
            assert len(list(concurrent.futures.as_completed(futures))) == 2
        elif how == "exception":
            assert [future.exception() for future in futures] == [None, None]
        else:
            pool.shutdown()
        mark(2)
        pool.shutdown()

    ordered = run(program)
    assert ordered(0, 2)
    assert ordered(1, 2)


@pytest.mark.parametrize("world", ["explored", "timed"])
def test_a_callback_is_after_who_added_it_and_after_the_result(world: str, tmp_path: Path) -> None:
    def program() -> None:
        import concurrent.futures

        future: Future[int] = concurrent.futures.Future()

        def finish() -> None:
            mark(1)
            future.set_result(1)

        mark(0)
        made = threads(finish)
        mark(4)
        future.add_done_callback(lambda _: mark(2))
        mark(5)
        join(made)
        mark(3)

    for seed in range(10):
        ordered = Ordered(trace_in(world, program, tmp_path, seed))
        assert ordered(1, 2)
        assert ordered(4, 2)
        if ordered.places[2][1] != ordered.places[0][1]:  # it ran in the thread that set the result
            assert ordered.unordered(5, 1)


@pytest.mark.parametrize("look", ["is_set", "is_alive", "done"])
def test_a_look_that_says_yes_orders(look: str, tmp_path: Path) -> None:
    def program() -> None:
        import concurrent.futures

        event = threading.Event()
        future: Future[int] = concurrent.futures.Future()

        def body() -> None:
            mark(0)
            event.set()
            future.set_result(1)

        (thread,) = threads(body)
        while not {"is_set": event.is_set, "is_alive": lambda: not thread.is_alive(), "done": future.done}[look]():
            pass
        mark(1)
        thread.join()

    for seed in range(3):
        assert Ordered(trace_in("explored", program, tmp_path, seed))(0, 1)


def test_readers_are_not_ordered_but_writers_are() -> None:
    """A lock with shared mode, as traces of other tools have it."""
    builder = TraceBuilder(HEADER)
    builder.tables.threads += [ThreadInfo(name) for name in ("r1", "r2", "w", "r3")]
    builder.tables.objects += [ObjectInfo("Lock", "shared")]
    shared = {"mode": "shared"}
    for thread, extra in ((0, shared), (1, shared), (2, None), (3, shared)):
        builder.add(thread, Op.ACQUIRE, 0, extra=extra)
        builder.add(thread, Op.RELEASE, 0, extra=extra)
    order = Order(clock_steps(builder.build()))
    assert not order.ordered(1, 0, 2, 1)
    assert order.ordered(1, 0, 4, 2)
    assert order.ordered(3, 1, 4, 2)
    assert order.ordered(5, 2, 6, 3)
    assert not order.ordered(1, 0, 2, 1)


def test_a_program_that_takes_a_queues_mutex_is_ordered_with_its_puts(tmp_path: Path) -> None:
    def program() -> None:
        items: queue.Queue[int] = queue.Queue()

        def putter() -> None:
            mark(0)
            items.put(1)

        made = threads(putter)
        seen = 0
        while not seen:
            with items.mutex:
                seen = len(items.queue)
        mark(1)
        join(made)

    for seed in range(3):
        assert Ordered(trace_in("explored", program, tmp_path, seed))(0, 1)


def everything() -> None:
    """A bit of every primitive, in many orders."""
    items: queue.Queue[int] = queue.Queue(1)
    lock, event, permits = threading.RLock(), threading.Event(), threading.Semaphore(1)
    condition, barrier = threading.Condition(lock), threading.Barrier(2)
    said: list[int] = []

    def one() -> None:
        items.put(1)
        with permits, lock:
            items.put(2, timeout=5)
            said.append(1)
            condition.notify_all()
        barrier.wait()
        event.set()

    def two() -> None:
        items.get()
        with condition:
            condition.wait_for(lambda: said, timeout=5)
        barrier.wait()
        event.wait()
        with permits:
            items.get()
        items.task_done()

    made = threads(one, two)
    pool = ThreadPoolExecutorNow()(2)
    futures = [pool.submit(len, "ab") for _ in range(3)]
    futures[0].add_done_callback(lambda _: None)
    futures[2].cancel()
    wait(futures[:2])
    list(as_completed(futures[:2]))
    pool.shutdown()
    join(made)


def test_what_is_read_from_a_pipe_is_after_its_write(tmp_path: Path) -> None:
    def program() -> None:
        import os

        reader, writer = os.pipe()

        def body() -> None:
            mark(0)
            os.write(writer, b"x")
            mark(2)

        made = threads(body)
        os.read(reader, 1)
        mark(1)
        join(made)

    for seed in range(3):
        ordered = Ordered(trace_in("explored", program, tmp_path, seed))
        assert ordered(0, 1)
        assert ordered.unordered(2, 1)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_explored_world_needed_is_ordered(seed: int) -> None:
    """The world names, for every step, the earlier steps without which it could not have happened."""
    trace, needed = explored(everything, seed)
    assert needed
    rows = trace.rows()
    for how in ({}, {"locks": False}):
        order = Order(clock_steps(trace, **how))
        for earlier, later in needed:
            by_lock = trace.tables.objects[rows[later][3]].kind in ("Lock", "RLock")
            if how and by_lock:
                continue
            said = [
                (trace.thread_name(rows[event][0]), Op(rows[event][1]).label, trace.object_name(rows[event][3]))
                for event in (earlier, later)
            ]
            assert order.ordered(earlier, rows[earlier][0], later, rows[later][0]), f"{said[0]} before {said[1]}"
