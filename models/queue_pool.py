"""A thread pool built from a queue and threads.

The wrong form has been published as a tutorial's thread pool. It *calls* the worker where it means to name it: the main
thread takes a value from the queue, does the task itself, and hands the thread None to run. Then it waits in
``Queue.join()`` for ever, since nobody calls ``task_done()``. weft must find D003 in ``wrong``: the main thread in
``Queue.join`` with every other thread gone. In ``right`` the threads get the queue, take from it and report back.
"""

from __future__ import annotations

import queue
import threading


def wrong(*, workers: int = 2, tasks: int = 3) -> list[int]:
    """Meant to square the numbers below ``tasks`` on ``workers`` threads; never returns when there is a task."""
    pending: queue.Queue[int] = queue.Queue()
    squares = [0] * tasks

    def worker(number: int) -> None:
        squares[number] = number * number

    for number in range(tasks):
        pending.put(number)
    for index in range(min(workers, tasks)):
        threading.Thread(target=worker(pending.get()), name=f"worker-{index}").start()
    pending.join()
    return squares


def right(*, workers: int = 2, tasks: int = 3) -> list[int]:
    """The squares of the numbers below ``tasks``, computed on ``workers`` threads."""
    pending: queue.Queue[int | None] = queue.Queue()
    squares = [0] * tasks

    def worker() -> None:
        while (number := pending.get()) is not None:
            squares[number] = number * number
            pending.task_done()

    for number in range(tasks):
        pending.put(number)
    threads = [threading.Thread(target=worker, name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    pending.join()
    for _ in threads:
        pending.put(None)
    for thread in threads:
        thread.join()
    return squares
