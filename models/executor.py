"""``ThreadPoolExecutor``: how long a pool takes, and how a pool waits for itself.

``run`` is the measuring stick of the timed world. Closed form: ceil(tasks / workers) * task_seconds, so 4 workers and 8
tasks of 1 s take 2.0 s, on any number of cores and with or without a GIL, since sleeping needs neither. It is too big
to explore (any worker may take any task, and a pool that still grows starts a worker only when none is idle): check it
with 2 workers and 3 tasks, which take 2 s as well and have 13 schedules.

``nested`` is the deadlock that the documentation of ``concurrent.futures`` warns of: a task submits to its own pool
and waits for the result. weft must find D005 (every worker waits for a task that is still queued) whenever there are
as many such tasks as workers. In ``two_pools`` the inner tasks have workers of their own, and nobody they wait for
waits for them.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor


def run(*, workers: int = 4, tasks: int = 8, task_seconds: float = 1.0) -> list[int]:
    """Sleep ``tasks`` times for ``task_seconds`` on ``workers`` threads; the numbers of the tasks, in order."""

    def task(number: int) -> int:
        time.sleep(task_seconds)
        return number

    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(task, range(tasks)))


def nested(*, workers: int = 2) -> list[int]:
    """One task a worker, each waiting for a task of the same pool; 1, 2, ... when it returns at all."""
    with ThreadPoolExecutor(max_workers=workers) as pool:

        def outer(number: int) -> int:
            return pool.submit(_inner, number).result() + 1

        futures = [pool.submit(outer, number) for number in range(workers)]
        return [future.result() for future in futures]


def two_pools(*, workers: int = 2) -> list[int]:
    """One task a worker, each waiting for a task of the other pool; 1, 2, ..."""
    with ThreadPoolExecutor(max_workers=workers) as inner_pool, ThreadPoolExecutor(max_workers=workers) as outer_pool:

        def outer(number: int) -> int:
            return inner_pool.submit(_inner, number).result() + 1

        futures = [outer_pool.submit(outer, number) for number in range(workers)]
        return [future.result() for future in futures]


def _inner(number: int) -> int:
    return number
