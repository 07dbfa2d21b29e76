"""The recording primitives together: in the place of the real ones for a while, consistent under many threads."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable

from weft.simcore.trace import Trace

from ..conftest import assert_true_order
from .conftest import in_threads

Recorded = Callable[[Callable[[], object]], Trace]


def test_the_standard_librarys_own_objects_are_not_recorded(recorded: Recorded) -> None:
    def body() -> None:
        threading.Event()
        queue.Queue()
        concurrent.futures.ThreadPoolExecutor(1).shutdown()

    kinds = sorted(row.kind for row in recorded(body).tables.objects if row.kind != "Thread")
    assert kinds == ["Event", "Queue", "ThreadPoolExecutor"]


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
