"""The bag with a giant in it: its closed forms in virtual time, and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, task_bag

from .conftest import Simulate
from .list_scheduling import makespan


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize(("tasks", "giant_units"), [(20, 50), (21, 0), (0, 9), (40, 3), (2, 1000)])
def test_a_giant_taken_last_follows_the_closed_form(
    simulate: Simulate, workers: int, tasks: int, giant_units: int
) -> None:
    found = simulate(task_bag.run, workers=workers, tasks=tasks, units=5, giant_units=giant_units)
    assert found.units == max(tasks // workers * 5 + giant_units, -(-tasks // workers) * 5)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize(("tasks", "giant_units"), [(20, 50), (21, 0), (0, 9), (40, 3), (2, 1000)])
def test_a_giant_taken_first_follows_list_scheduling(
    simulate: Simulate, workers: int, tasks: int, giant_units: int
) -> None:
    found = simulate(task_bag.longest_first, workers=workers, tasks=tasks, units=5, giant_units=giant_units)
    assert found.units == makespan([giant_units, *[5] * tasks], workers)


def test_longest_first_hides_the_giant_of_the_default_sizes(simulate: Simulate) -> None:
    sizes = {"workers": 2, "tasks": 120, "units": 12, "giant_units": 720}
    assert simulate(task_bag.run, **sizes).units == 720 + 720
    assert simulate(task_bag.longest_first, **sizes).units == (1440 + 720) / 2


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_depend_on_neither_workers_nor_order(workers: int) -> None:
    expected = [*(computing.derive(number, 1) for number in range(6)), computing.derive(6, 3)]
    sizes = {"workers": workers, "tasks": 6, "units": 1, "giant_units": 3}
    assert task_bag.run(**sizes) == task_bag.longest_first(**sizes) == expected


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^giant_units=-1: it must be 0 or more"):
        task_bag.run(giant_units=-1)
