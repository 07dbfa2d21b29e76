"""Dining philosophers, for real."""

from __future__ import annotations

import pytest

from weft.models import dining


@pytest.mark.parametrize("philosophers", [2, 3, 20])
def test_ordered_philosophers_all_eat(philosophers: int) -> None:
    assert dining.ordered(philosophers=philosophers) == philosophers


@pytest.mark.usefixtures("one_after_the_other")
def test_deadlocking_philosophers_all_eat_when_they_come_one_by_one() -> None:
    assert dining.deadlocking(philosophers=5) == 5


@pytest.mark.parametrize("philosophers", [1, 0, -1])
def test_nobody_dines_alone(philosophers: int) -> None:
    for dine in (dining.deadlocking, dining.ordered):
        with pytest.raises(ValueError, match=f"^philosophers={philosophers}: .* seat at least 2$"):
            dine(philosophers=philosophers)
