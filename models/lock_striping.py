"""A table with a lock for every stripe of its keys, as in Java's first ``ConcurrentHashMap``.

There is no wrong form. Each update looks like chance in where it goes, computes a part outside the locks and a part
inside its stripe's. With one stripe it is one lock around everything; with S stripes two of N workers want the same one
in about (N - 1) / S of the cases, so the waiting shrinks as 1 / S and the speedup tends to N (Goetz and others, Java
Concurrency in Practice, 2006, section 11.4.3). Closed form for one stripe, n updates with i inside and o outside, and
N i >= i + o: n i + o. weft must find nothing, although the updates of one key come in any order: they are added up.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least

KEYS = 64
"""Of the table; each belongs to the stripe with its number modulo the stripes."""


class StripedTable:
    """Numbers by key, in stripes of keys that have a lock each."""

    def __init__(self, stripes: int) -> None:
        self.locks = [threading.Lock() for _ in range(stripes)]
        self.numbers = [0] * KEYS

    def add(self, key: int, number: int, units: int) -> None:
        """Add what is computed from ``number`` in ``units`` to a key's number, with its stripe locked."""
        with self.locks[key % len(self.locks)]:
            self.numbers[key] = (self.numbers[key] + computing.derive(number, units)) % computing.MODULUS


def key_of(number: int) -> int:
    """The key that an update goes to."""
    return (computing.scatter(number) >> 16) % KEYS


def run(
    *, workers: int = 2, updates: int = 120, stripes: int = 8, inside_units: int = 12, outside_units: int = 8
) -> list[int]:
    """``updates`` updates of a striped table by ``workers`` threads; the table."""
    at_least(1, workers=workers, stripes=stripes)
    at_least(0, updates=updates, inside_units=inside_units, outside_units=outside_units)
    table = StripedTable(stripes)

    def worker(first: int) -> None:
        for number in range(first, updates, workers):
            result = computing.derive(number, outside_units)
            table.add(key_of(number), result, inside_units)

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return table.numbers
