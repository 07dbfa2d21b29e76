"""Fork and join: the largest part in virtual time, and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, fork_join

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("items", [0, 1, 8, 64])
def test_virtual_time_is_that_of_the_largest_part(simulate: Simulate, workers: int, items: int) -> None:
    found = simulate(fork_join.run, workers=workers, items=items, units=5)
    assert found.units == -(-items // workers) * 5


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_main_thread_is_one_of_the_workers(simulate: Simulate, workers: int) -> None:
    found = simulate(fork_join.run, workers=workers, items=24, units=5)
    assert len(found.run.threads) == workers
    assert sum(thread.time_in["running"] for thread in found.run.threads) == 24 * 5 * 1_000_000


@pytest.mark.parametrize("workers", [1, 2, 5, 40])
def test_the_sum_does_not_depend_on_the_workers(workers: int) -> None:
    expected = sum(computing.derive(number, 1) for number in range(9)) % computing.MODULUS
    assert fork_join.run(workers=workers, items=9, units=1) == expected
