"""Tasks in pure Python: the program that threads do not make faster, as long as there is a GIL.

There is no wrong form, only a disappointed hope. Closed form, with W the work and N workers that divide the tasks, on a
core each: W with a GIL, whatever N is, and W / N without one (where Python itself is somewhat slower, PEP 703). Reality
may take a little more than W: a thread that waits for the GIL asks for it every 5 ms, and handing it over costs some
microseconds. weft must find nothing, after one execution: the tasks share nothing.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least


def run(*, workers: int = 2, tasks: int = 24, units: int = 100) -> list[int]:
    """Compute ``tasks`` tasks in Python on ``workers`` threads; the results in order."""
    at_least(1, workers=workers)
    at_least(0, tasks=tasks, units=units)
    results = [0] * tasks

    def worker(first: int) -> None:
        for number in range(first, tasks, workers):
            results[number] = computing.count(number, units)

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
