"""A thread pool built from a condition variable, as it is written in C++: a deque of tasks, a lock, a wait loop.

The wrong form is the first half of that program: the workers loop for ever and wait for the next task, and the main
thread joins them. weft must find D003 in ``wrong``: the workers in ``Condition.wait`` with nobody left to notify them,
the main thread behind them in ``Thread.join``. ``right`` adds what was missing: a stop flag, set under the lock, and a
``notify_all`` that wakes every waiter to see it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial


class EndlessPool:
    """Runs submitted tasks on its threads, and has no way to say that there will be no more."""

    def __init__(self, workers: int) -> None:
        self.tasks: deque[Callable[[], None]] = deque()
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self.work, name=f"worker-{index}") for index in range(workers)]
        for thread in self.threads:
            thread.start()

    def submit(self, task: Callable[[], None]) -> None:
        with self.changed:
            self.tasks.append(task)
            self.changed.notify()

    def work(self) -> None:
        while True:
            with self.changed:
                while not self.tasks:
                    self.changed.wait()
                task = self.tasks.popleft()
            task()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


class StoppingPool(EndlessPool):
    """The same, but ``join`` lets the workers finish what was submitted and end."""

    def __init__(self, workers: int) -> None:
        self.stopping = False
        super().__init__(workers)

    def work(self) -> None:
        while True:
            with self.changed:
                while not self.tasks and not self.stopping:
                    self.changed.wait()
                if not self.tasks:
                    return
                task = self.tasks.popleft()
            task()

    def join(self) -> None:
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        super().join()


def wrong(*, workers: int = 2, tasks: int = 2) -> list[int]:
    """Square the numbers below ``tasks`` on a pool whose workers never stop; never returns."""
    return _square(EndlessPool(workers), tasks)


def right(*, workers: int = 2, tasks: int = 2) -> list[int]:
    """The squares of the numbers below ``tasks``, computed on a pool of ``workers`` threads."""
    return _square(StoppingPool(workers), tasks)


def _square(pool: EndlessPool, tasks: int) -> list[int]:
    squares = [0] * tasks

    def square(number: int) -> None:
        squares[number] = number * number

    for number in range(tasks):
        pool.submit(partial(square, number))
    pool.join()
    return squares
