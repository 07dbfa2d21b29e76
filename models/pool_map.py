"""``ThreadPoolExecutor.map`` over tasks of very different sizes, none of which needs the GIL.

There is no wrong form. The sizes follow a Pareto distribution, as those of files, requests and images do: many small
ones and a few that are as long as ten of the others. Which worker gets which task is decided by who is free first, so
the closed form is list scheduling in the order of submission (Graham, Bounds on Multiprocessing Timing Anomalies,
1969): with W the work, L the longest task and N workers on as many cores, W / N <= time <= W / N + (1 - 1 / N) L. weft
must find nothing: the order in which the tasks are done can be told from nothing but the clock.
"""

from __future__ import annotations

from concurrent import futures
from random import Random

from . import computing
from .parameters import at_least

SHAPE = 1.5
"""Of the Pareto distribution: a finite mean (3 times the smallest), no variance."""
UNITS_MAX = 10
"""The longest task, in multiples of the shortest."""


def sizes(tasks: int, units: int, seed: int) -> list[int]:
    """How many units each task is long, in the order of submission: ``units`` to ``UNITS_MAX * units``."""
    chance = Random(seed)
    return [round(units * min(chance.paretovariate(SHAPE), UNITS_MAX)) for _ in range(tasks)]


def run(*, workers: int = 2, tasks: int = 80, units: int = 10, seed: int = 0) -> list[int]:
    """Compute ``tasks`` tasks, the shortest ``units`` long, on a pool of ``workers`` threads; results in order."""
    at_least(1, workers=workers)
    at_least(0, tasks=tasks, units=units)
    with futures.ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(computing.derive, range(tasks), sizes(tasks, units, seed)))
