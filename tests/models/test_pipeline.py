"""The pipeline: fill, drain and bubble exactly as the closed form has them, and for real."""

from __future__ import annotations

from fractions import Fraction

import pytest

from weft.models import computing, pipeline

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("capacity", [1, 3])
@pytest.mark.parametrize(("items", "slow_units"), [(1, 0), (10, 0), (10, 7), (0, 0)])
def test_virtual_time_is_the_closed_form(
    simulate: Simulate, workers: int, capacity: int, items: int, slow_units: int
) -> None:
    steps, units = 4, 5
    lengths = [units, units, units, units + slow_units]
    stages = [sum(lengths[index * steps // workers : (index + 1) * steps // workers]) for index in range(workers)]
    sizes = {"items": items, "steps": steps, "units": units, "slow_units": slow_units, "capacity": capacity}
    found = simulate(pipeline.run, workers=workers, **sizes)
    assert found.units == (sum(stages) + (items - 1) * max(stages) if items else 0)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("items", [1, 8, 31])
def test_the_bubble_is_exact(simulate: Simulate, workers: int, items: int) -> None:
    found = simulate(pipeline.run, on_cores=workers, workers=workers, items=items, steps=4, units=5).run
    computed = sum(thread.time_in["running"] for thread in found.threads)
    bubble = 1 - Fraction(computed, workers * found.makespan_ns)
    assert bubble == Fraction(workers - 1, items + workers - 1)


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("capacity", [1, 4])
def test_the_results_depend_on_neither_stages_nor_queues(workers: int, capacity: int) -> None:
    expected: list[int] = []
    for number in range(6):
        value = number
        for length in (1, 1, 2):
            value = computing.derive(value, length)
        expected.append(value)
    assert pipeline.run(workers=workers, items=6, steps=3, units=1, slow_units=1, capacity=capacity) == expected


def test_an_unbounded_queue_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^capacity=0: it must be 1 or more"):
        pipeline.run(capacity=0)
