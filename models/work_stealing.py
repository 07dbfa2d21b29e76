"""Work stealing: every worker has a deque of its own tasks, and whoever has none left takes from another's.

There is no wrong form, only a slow one. The tasks come sorted by size, as files in a listing do, and are dealt out in
blocks, so the last worker has by far the most to do. ``static`` leaves it at that; closed form, with a core each: the
sum over the largest block. In ``run`` the owner takes from the back of its deque and a thief from the front, the end
that the owner needs last (Blumofe and Leiserson, Scheduling Multithreaded Computations by Work Stealing, 1999). With W
the work and L the longest task, nobody rests while a task is left, so W / N <= time <= W / N + (1 - 1 / N) L. No task
needs the GIL. weft must find nothing in either.
"""

from __future__ import annotations

import threading
from collections import deque

from . import computing
from .parameters import at_least
from .pool_map import sizes


class Tasks:
    """One worker's tasks, as (number, units)."""

    def __init__(self, tasks: list[tuple[int, int]]) -> None:
        self.lock = threading.Lock()
        self.tasks = deque(tasks)

    def take(self) -> tuple[int, int] | None:
        """For the owner: the last task, None when there is none."""
        with self.lock:
            return self.tasks.pop() if self.tasks else None

    def steal(self) -> tuple[int, int] | None:
        """For the others: the first task, None when there is none."""
        with self.lock:
            return self.tasks.popleft() if self.tasks else None


def run(*, workers: int = 2, tasks: int = 80, units: int = 10, seed: int = 0) -> list[int]:
    """``tasks`` tasks, the shortest ``units`` long, on ``workers`` threads that steal; the results in order."""
    return _compute(workers, tasks, units, seed, stealing=True)


def static(*, workers: int = 2, tasks: int = 80, units: int = 10, seed: int = 0) -> list[int]:
    """The same tasks and results, but every worker does its own block and no more."""
    return _compute(workers, tasks, units, seed, stealing=False)


def _compute(workers: int, tasks: int, units: int, seed: int, *, stealing: bool) -> list[int]:
    at_least(1, workers=workers)
    at_least(0, tasks=tasks, units=units)
    numbered = list(enumerate(sorted(sizes(tasks, units, seed))))
    owned = [Tasks(numbered[index * tasks // workers : (index + 1) * tasks // workers]) for index in range(workers)]
    results = [0] * tasks

    def next_task(index: int) -> tuple[int, int] | None:
        task = owned[index].take()
        if task is None and stealing:
            for distance in range(1, workers):
                task = owned[(index + distance) % workers].steal()
                if task is not None:
                    break
        return task

    def worker(index: int) -> None:
        while (task := next_task(index)) is not None:
            number, size = task
            results[number] = computing.derive(number, size)

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
