"""The striped table: one stripe is one lock, any other number follows a simulation without threads; and for real."""

from __future__ import annotations

from heapq import heappop, heappush

import pytest

from weft.models import computing, lock_striping
from weft.simcore.work import work

from .conftest import Simulate

DERIVE = computing.derive
INSIDE, OUTSIDE = 13, 7


def length_us(number: int, units: int) -> int:
    """How long a step takes in the test below: no two the same, so that nobody comes to a lock when it is left."""
    return units * 1000 + computing.scatter(number) % 9973


def finished(workers: int, updates: int, stripes: int) -> int:
    """When the last update is made, in microseconds: workers come to their stripes' locks in the order of time."""

    def comes(number: int, now: int) -> None:
        heappush(coming, (now + length_us(number, OUTSIDE), number))

    coming: list[tuple[int, int]] = []
    for number in range(min(workers, updates)):
        comes(number, 0)
    free_at = [0] * stripes
    while coming:
        at, number = heappop(coming)
        stripe = lock_striping.key_of(number) % stripes
        free_at[stripe] = max(at, free_at[stripe]) + length_us(DERIVE(number, 0), INSIDE)
        if number + workers < updates:
            comes(number + workers, free_at[stripe])
    return max(free_at)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("stripes", [1, 2, 8, 64])
def test_virtual_time_is_that_of_first_come_first_served(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, workers: int, stripes: int
) -> None:
    def derive(number: int, units: int) -> int:
        work(length_us(number, units) / 1e6, gil=False)
        return DERIVE(number, 0)

    monkeypatch.setattr(computing, "derive", derive)
    sizes = {"workers": workers, "updates": 60, "stripes": stripes, "inside_units": INSIDE, "outside_units": OUTSIDE}
    assert simulate(lock_striping.run, **sizes).run.makespan_ns == 1000 * finished(workers, 60, stripes)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_one_stripe_is_one_lock(simulate: Simulate, workers: int) -> None:
    sizes = {"workers": workers, "updates": 48, "stripes": 1, "inside_units": 12, "outside_units": 8}
    assert simulate(lock_striping.run, **sizes).units == 48 * 12 + 8


def test_more_stripes_wait_less(simulate: Simulate) -> None:
    spent = [simulate(lock_striping.run, workers=4, stripes=stripes).units for stripes in (1, 2, 4, 16, 64)]
    assert spent == sorted(spent, reverse=True)
    assert spent[-1] < 1.1 * 120 * 20 / 4


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("stripes", [1, 4])
def test_the_table_depends_on_neither_workers_nor_stripes(workers: int, stripes: int) -> None:
    expected = [0] * lock_striping.KEYS
    for number in range(20):
        key = lock_striping.key_of(number)
        expected[key] += computing.derive(computing.derive(number, 1), 1)
    found = lock_striping.run(workers=workers, updates=20, stripes=stripes, inside_units=1, outside_units=1)
    assert found == [number % computing.MODULUS for number in expected]
