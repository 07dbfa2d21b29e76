"""Work stealing against static blocks: both makespans in virtual time, and for real."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

import pytest

from weft.models import computing, work_stealing
from weft.models.pool_map import sizes
from weft.models.work_stealing import Tasks

from .conftest import Simulate


def blocks(tasks: int, workers: int, seed: int) -> list[list[int]]:
    ordered = sorted(sizes(tasks, 10, seed))
    return [ordered[index * tasks // workers : (index + 1) * tasks // workers] for index in range(workers)]


def stolen(owned: list[list[int]]) -> int:
    """The makespan with stealing; of workers who are done at the same time the one who began first is first."""
    left = [deque(block) for block in owned]
    begun = count()
    free = [(0, next(begun), index) for index in range(len(left))]
    while any(left):
        now, _, index = heappop(free)
        others = [left[(index + distance) % len(left)] for distance in range(1, len(left))]
        victim = next((tasks for tasks in others if tasks), None)
        if left[index]:
            heappush(free, (now + left[index].pop(), next(begun), index))
        elif victim is not None:
            heappush(free, (now + victim.popleft(), next(begun), index))
    return max(now for now, _, _ in free)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_virtual_time_is_that_of_a_schedule_made_without_threads(simulate: Simulate, workers: int, seed: int) -> None:
    owned = blocks(40, workers, seed)
    work = sum(map(sum, owned))
    parameters = {"workers": workers, "tasks": 40, "units": 10, "seed": seed}
    assert simulate(work_stealing.static, **parameters).units == max(map(sum, owned))
    found = simulate(work_stealing.run, **parameters).units
    assert found == stolen(owned)
    assert work / workers <= found <= work / workers + (1 - 1 / workers) * max(map(max, owned))


def test_stealing_pays_on_sorted_tasks(simulate: Simulate) -> None:
    static = simulate(work_stealing.static, workers=4).units
    assert simulate(work_stealing.run, workers=4).units < 0.6 * static


def test_owner_and_thief_take_from_opposite_ends() -> None:
    tasks = Tasks([(0, 5), (1, 6), (2, 7)])
    assert tasks.take() == (2, 7)
    assert tasks.steal() == (0, 5)
    assert tasks.take() == (1, 6)
    assert tasks.steal() is tasks.take() is None


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_depend_on_neither_workers_nor_stealing(workers: int) -> None:
    expected = [computing.derive(number, size) for number, size in enumerate(sorted(sizes(6, 1, 4)))]
    parameters = {"workers": workers, "tasks": 6, "units": 1, "seed": 4}
    assert work_stealing.run(**parameters) == work_stealing.static(**parameters) == expected
