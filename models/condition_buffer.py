"""The bounded buffer of the textbooks: a producer, a few consumers, one lock and two conditions.

There is no wrong form; what can go wrong with it (a ``put`` that holds a lock, workers that never stop) is in
``producer_consumer`` and ``condition_pool``. The producer waits on ``not_full``, the consumers on ``not_empty``, each in
a loop that looks again (Hoare's monitor as Lampson and Redell changed it, Experience with Processes and Monitors in
Mesa, 1980), and the last ``notify_all`` tells everybody that there will be no more. weft must find nothing.

Closed form for n items that take p to produce and c to consume, a buffer of at least one, N consumers with a core each:
n p + c when the producer is the slower side (N p >= c); when it is the consumers, consumer i starts at (i + 1) p, never
waits again, and has every N-th item: the maximum over i of (i + 1) p + ceil((n - i) / N) c.
"""

from __future__ import annotations

import threading
from collections import deque

from . import computing
from .parameters import at_least


class Buffer:
    """Up to ``capacity`` numbers, first in, first out."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.numbers: deque[int] = deque()
        self.closed = False
        self.lock = threading.Lock()
        self.not_full = threading.Condition(self.lock)
        self.not_empty = threading.Condition(self.lock)

    def put(self, number: int) -> None:
        with self.lock:
            while len(self.numbers) >= self.capacity:
                self.not_full.wait()
            self.numbers.append(number)
            self.not_empty.notify()

    def get(self) -> int | None:
        """The next number; None when the buffer is empty and closed."""
        with self.lock:
            while not self.numbers:
                if self.closed:
                    return None
                self.not_empty.wait()
            number = self.numbers.popleft()
            self.not_full.notify()
            return number

    def close(self) -> None:
        """There will be no more numbers."""
        with self.lock:
            self.closed = True
            self.not_empty.notify_all()


def run(
    *, workers: int = 2, items: int = 80, capacity: int = 4, producer_units: int = 8, consumer_units: int = 24
) -> list[int]:
    """Produce ``items`` numbers in one thread and consume them in ``workers`` others; the results in order."""
    at_least(1, workers=workers, capacity=capacity)
    at_least(0, items=items, producer_units=producer_units, consumer_units=consumer_units)
    buffer = Buffer(capacity)
    produced, consumed = [0] * items, [0] * items

    def producer() -> None:
        for number in range(items):
            produced[number] = computing.derive(number, producer_units)
            buffer.put(number)
        buffer.close()

    def consumer() -> None:
        while (number := buffer.get()) is not None:
            consumed[number] = computing.derive(produced[number], consumer_units)

    threads = [threading.Thread(target=consumer, name=f"consumer-{index}") for index in range(workers)]
    threads.append(threading.Thread(target=producer, name="producer"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return consumed
