"""The recording primitives: real semantics, true order, honest requests. Threads meet at events, nobody sleeps."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest

from weft.checkers.holding import read
from weft.real_runs.recorded.clock import real_sleep
from weft.real_runs.recorded.lock import RealRLock
from weft.real_runs.recorded.notes import Recording
from weft.simcore.trace import Op, Trace

from .conftest import assert_true_order, kind_of, labels

Recorded = Callable[[Callable[[], object]], Trace]


def in_threads(count: int, body: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=body, args=(index,), name=f"test-{index}") for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def until_blocked(held: Callable[[], bool]) -> None:
    """Give way until another thread has come to where it waits (its state says so), for at most some seconds."""
    deadline = time.monotonic() + 5
    while not held():
        assert time.monotonic() < deadline
        real_sleep(0.0005)


def waiting_for(kind: str) -> bool:
    """Is a recorded thread blocked in a request? The log says so while the program runs."""
    recorder = Recording.recorder
    return any(
        row[1] in (Op.REQUEST, Op.WAIT) and recorder.tables.objects[row[3]].kind == kind
        for log in recorder.logs
        for row in log.rows[-1:]
    )


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
    assert trace.at(lock.site) == f"test_recorded.py:{line + 1}"
    assert trace.at(acquire.location) == f"test_recorded.py:{line + 2}"
    assert trace.tables.locations[acquire.location].function.endswith("body")


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


def test_semaphores_events_and_barriers(recorded: Recorded) -> None:
    def body() -> None:
        permits = threading.BoundedSemaphore(2)
        go = threading.Event()
        together = threading.Barrier(3)

        def worker(_: int) -> None:
            go.wait()
            with permits:
                pass
            together.wait()

        threads = [threading.Thread(target=worker, args=(index,), name=f"test-{index}") for index in range(3)]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
        with pytest.raises(ValueError, match="released too many"):
            permits.release()
        go.clear()
        assert not go.wait(0.001)

    trace = recorded(body)
    assert labels(trace, "BoundedSemaphore").count("acquire") == 3
    assert labels(trace, "BoundedSemaphore").count("release") == 3
    assert sorted(set(labels(trace, "Barrier"))) == ["arrive", "depart"]
    assert labels(trace, "Event")[-3:] == ["clear", "request", "timeout"]
    assert_true_order(trace)


def test_broken_barrier_departs_without_a_place(recorded: Recorded) -> None:
    def body() -> None:
        together = threading.Barrier(2)
        together.abort()
        with pytest.raises(threading.BrokenBarrierError):
            together.wait()

    trace = recorded(body)
    assert labels(trace, "Barrier") == ["abort", "arrive", "depart"]
    assert [event.outcome for event in trace if event.operation is Op.DEPART] == [-1]


def test_pool_submits_runs_sets_and_gives_results(recorded: Recorded) -> None:
    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(2, "test-pool") as pool:
            futures = [pool.submit(pow, 2, index) for index in range(4)]
            assert sorted(future.result() for future in concurrent.futures.as_completed(futures)) == [1, 2, 4, 8]
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
            failing = pool.submit(divmod, 1, 0)
            with pytest.raises(ZeroDivisionError):
                failing.result()
            done, _ = concurrent.futures.wait([failing])
            assert done == {failing}

    trace = recorded(body)
    found = labels(trace, "Future")
    assert found.count("submit") == found.count("run") == found.count("set") == 7
    assert labels(trace, "ThreadPoolExecutor") == ["close"]
    pool = next(index for index, row in enumerate(trace.tables.objects) if row.kind == "ThreadPoolExecutor")
    assert all(row.part_of == pool for row in trace.tables.objects if row.kind == "Future")
    assert_true_order(trace)


def test_future_by_hand(recorded: Recorded) -> None:
    def body() -> None:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        with pytest.raises(FutureTimeoutError):
            future.result(0.001)
        future.set_result(3)
        assert future.result() == 3
        other: concurrent.futures.Future[int] = concurrent.futures.Future()
        assert other.cancel()

    assert labels(recorded(body), "Future") == ["request", "timeout", "set", "result", "cancel"]


def test_thread_failures_are_noted_where_they_were_raised(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def fails() -> None:
        raise LookupError("gone")

    def body() -> None:
        thread = threading.Thread(target=fails, name="test-fails")
        thread.start()
        thread.join()

    trace = recorded(body)
    failure = next(event for event in trace if event.operation is Op.FAIL)
    assert failure.extra["type"] == "LookupError"
    assert failure.extra["message"] == "gone"
    assert trace.at(failure.location) == f"test_recorded.py:{fails.__code__.co_firstlineno + 1}"
    assert trace.thread_name(failure.thread) == "test-fails"


def test_thread_misuse_raises_what_threading_raises(recorded: Recorded) -> None:
    def body() -> None:
        thread = threading.Thread(target=int)
        with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
            thread.join()
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        with pytest.raises(RuntimeError, match="cannot join current thread"):
            threading.current_thread().join()

    trace = recorded(body)
    assert [label for label in labels(trace, "Thread") if label != "request"] == ["start", "begin", "end", "join"]


def test_subclass_and_timer_threads(recorded: Recorded) -> None:
    def body() -> None:
        class Worker(threading.Thread):
            def run(self) -> None:
                self.ran = True

        worker = Worker(name="test-worker")
        worker.start()
        worker.join()
        assert worker.ran
        timer = threading.Timer(60, int)
        timer.start()
        timer.cancel()
        timer.join()

    trace = recorded(body)
    assert "cancel" in labels(trace, "Thread")
    assert_true_order(trace)


def test_the_standard_librarys_own_objects_are_not_recorded(recorded: Recorded) -> None:
    def body() -> None:
        threading.Event()
        queue.Queue()
        concurrent.futures.ThreadPoolExecutor(1).shutdown()

    kinds = sorted(row.kind for row in recorded(body).tables.objects if row.kind != "Thread")
    assert kinds == ["Event", "Queue", "ThreadPoolExecutor"]


def test_sleep_and_its_length(recorded: Recorded) -> None:
    trace = recorded(lambda: time.sleep(0.001))
    assert [event.extra for event in trace if event.operation is Op.SLEEP] == [{"seconds": 0.001}]


def test_everything_is_real_again_afterwards(recorded: Recorded) -> None:
    before = (threading.Lock, queue.Queue, time.sleep, threading.Thread.start, concurrent.futures.Future)
    recorded(lambda: None)
    assert (threading.Lock, queue.Queue, time.sleep, threading.Thread.start, concurrent.futures.Future) == before


def test_many_threads_on_shared_objects_stay_consistent(recorded: Recorded) -> None:
    """Eight threads, 150 rounds each over every kind of object; the invariants of each hold at every event."""

    def body() -> None:
        lock, inner, condition = threading.Lock(), threading.RLock(), threading.Condition()
        permits, line, simple = threading.Semaphore(3), queue.Queue[int](4), queue.SimpleQueue[int]()

        def worker(index: int) -> None:
            for turn in range(150):
                with lock, inner:
                    pass
                with permits:
                    simple.put(turn)
                    simple.get()
                if index % 2:
                    line.put(turn)
                else:
                    line.get()
                with condition:
                    condition.notify()

        in_threads(8, worker)

    trace = recorded(body)
    assert len(trace) > 8 * 150 * 10
    assert_true_order(trace)


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
