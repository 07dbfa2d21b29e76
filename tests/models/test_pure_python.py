"""Pure Python: threads make it faster exactly when there is no GIL; and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, pure_python

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 4, 12])
def test_the_gil_makes_it_one_thread(simulate: Simulate, workers: int) -> None:
    sizes = {"workers": workers, "tasks": 12, "units": 30}
    assert simulate(pure_python.run, **sizes).units == 12 * 30
    assert simulate(pure_python.run, gil=False, **sizes).units == 12 * 30 / workers


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_do_not_depend_on_the_workers(workers: int) -> None:
    found = pure_python.run(workers=workers, tasks=5, units=2)
    assert found == [computing.count(number, 2) for number in range(5)]


def test_no_worker_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^workers=0: it must be 1 or more"):
        pure_python.run(workers=0)
