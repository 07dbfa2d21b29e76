"""Graham's list scheduling, written once more without threads: who is free first gets the next task."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush


def makespan(durations: Sequence[int], workers: int) -> int:
    """When the last of the tasks is done that ``workers`` workers take in this order."""
    free_at = [0] * workers
    for duration in durations:
        heappush(free_at, heappop(free_at) + duration)
    return max(free_at)
