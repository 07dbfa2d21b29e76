"""Producers and a consumer with a bounded queue between them.

The wrong form comes from texts that add a lock around ``queue.Queue`` "to make it thread-safe", which it already is.
``put`` on the full queue then waits for a free slot while it holds the lock that the consumer needs to make one, and
``get`` on the empty queue does the same to the producers. weft must find D003 in ``wrong``: one thread in ``Queue.put``
or ``Queue.get`` holding ``lock``, the others waiting for ``lock``, and nobody left who could get or put. ``right`` is
the same program without the lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


def wrong(*, producers: int = 1, items: int = 2, capacity: int = 1) -> int:
    """Each producer puts ``items`` numbers with ``lock`` held; the sum of what the consumer got."""
    slots: queue.Queue[int] = queue.Queue(capacity)
    lock = threading.Lock()
    total = 0

    def produce() -> None:
        for item in range(items):
            with lock:
                slots.put(item)

    def consume() -> None:
        nonlocal total
        for _ in range(producers * items):
            with lock:
                total += slots.get()

    _run([produce] * producers, consume)
    return total


def right(*, producers: int = 2, items: int = 2, capacity: int = 1) -> int:
    """Each producer puts ``items`` numbers, the queue does the locking; the sum of what the consumer got."""
    slots: queue.Queue[int] = queue.Queue(capacity)
    total = 0

    def produce() -> None:
        for item in range(items):
            slots.put(item)

    def consume() -> None:
        nonlocal total
        for _ in range(producers * items):
            total += slots.get()

    _run([produce] * producers, consume)
    return total


def _run(producers: list[Callable[[], None]], consumer: Callable[[], None]) -> None:
    threads = [threading.Thread(target=produce, name=f"producer-{index}") for index, produce in enumerate(producers)]
    threads.append(threading.Thread(target=consumer, name="consumer"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
