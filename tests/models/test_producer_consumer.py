"""Producers and a consumer, for real."""

from __future__ import annotations

import pytest

from weft.models import producer_consumer


@pytest.mark.parametrize(("producers", "items", "capacity"), [(1, 1, 1), (2, 2, 1), (3, 20, 2), (1, 0, 1)])
def test_right_delivers_everything(producers: int, items: int, capacity: int) -> None:
    total = producer_consumer.right(producers=producers, items=items, capacity=capacity)
    assert total == producers * sum(range(items))


@pytest.mark.usefixtures("one_after_the_other")
def test_wrong_delivers_everything_when_the_queue_is_never_full_or_empty_at_the_wrong_time() -> None:
    assert producer_consumer.wrong(producers=2, items=3, capacity=6) == 6
