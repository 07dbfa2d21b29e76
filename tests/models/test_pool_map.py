"""A pool's map over skewed tasks: Graham's list scheduling to the nanosecond, and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, pool_map

from .conftest import Simulate
from .list_scheduling import makespan


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_virtual_time_is_that_of_list_scheduling(simulate: Simulate, workers: int, seed: int) -> None:
    durations = pool_map.sizes(40, 10, seed)
    found = simulate(pool_map.run, workers=workers, tasks=40, seed=seed)
    assert found.units == makespan(durations, workers)
    assert sum(durations) / workers <= found.units <= sum(durations) / workers + (1 - 1 / workers) * max(durations)


def test_fewer_cores_than_workers_are_all_used(simulate: Simulate) -> None:
    found = simulate(pool_map.run, on_cores=2, workers=8, tasks=40)
    durations = pool_map.sizes(40, 10, 0)
    assert sum(durations) / 2 <= found.units <= sum(durations) / 2 + max(durations)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_do_not_depend_on_the_workers(workers: int) -> None:
    expected = [computing.derive(number, size) for number, size in enumerate(pool_map.sizes(5, 1, 3))]
    assert pool_map.run(workers=workers, tasks=5, units=1, seed=3) == expected


def test_a_few_tasks_are_much_longer_than_most() -> None:
    found = sorted(pool_map.sizes(1000, 10, 0))
    assert (found[0], found[-1]) == (10, 10 * pool_map.UNITS_MAX)
    assert found[500] < 20
    assert sum(found[900:]) > 0.25 * sum(found)


def test_no_worker_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^workers=0: it must be 1 or more"):
        pool_map.run(workers=0)
