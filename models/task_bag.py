"""A bag of tasks: every worker takes the next one until none is left, and one of them is a giant.

There is no wrong form, only a slow one. The bag balances itself, but not better than its last task allows: a giant that
is taken last runs while the others have nothing left to do. Closed form for n tasks of length u and a giant of length
G on N workers with a core each:

- giant last (``run``): max(floor(n / N) u + G, ceil(n / N) u);
- giant first (``longest_first``), which is Graham's rule of the longest processing time (Bounds on Multiprocessing
  Timing Anomalies, 1969): max(G, time of the n tasks on N - 1 workers that the giant's joins when it is done).

No task needs the GIL. weft must find nothing in either.
"""

from __future__ import annotations

import threading
from collections import deque

from . import computing
from .parameters import at_least


class Bag:
    """Tasks, as (number, units), that threads take from the front."""

    def __init__(self, tasks: list[tuple[int, int]]) -> None:
        self.lock = threading.Lock()
        self.tasks = deque(tasks)

    def take(self) -> tuple[int, int] | None:
        """The next task, or None when the bag is empty."""
        with self.lock:
            return self.tasks.popleft() if self.tasks else None


def run(*, workers: int = 2, tasks: int = 120, units: int = 12, giant_units: int = 720) -> list[int]:
    """Compute ``tasks`` tasks of ``units`` and then the giant on ``workers`` threads; results in order, giant last."""
    at_least(0, tasks=tasks, units=units, giant_units=giant_units)
    return _empty_the_bag(workers, [*_tasks(tasks, units), (tasks, giant_units)])


def longest_first(*, workers: int = 2, tasks: int = 120, units: int = 12, giant_units: int = 720) -> list[int]:
    """The same tasks and results, with the giant on top of the bag."""
    at_least(0, tasks=tasks, units=units, giant_units=giant_units)
    return _empty_the_bag(workers, [(tasks, giant_units), *_tasks(tasks, units)])


def _tasks(tasks: int, units: int) -> list[tuple[int, int]]:
    return [(number, units) for number in range(tasks)]


def _empty_the_bag(workers: int, tasks: list[tuple[int, int]]) -> list[int]:
    at_least(1, workers=workers)
    bag = Bag(tasks)
    results = [0] * len(tasks)

    def worker() -> None:
        while (task := bag.take()) is not None:
            number, units = task
            results[number] = computing.derive(number, units)

    threads = [threading.Thread(target=worker, name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
