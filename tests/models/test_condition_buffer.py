"""The bounded buffer: its closed form and a recurrence in virtual time, and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, condition_buffer
from weft.models.condition_buffer import Buffer

from .conftest import Simulate


def finished(items: int, workers: int, capacity: int, producing: int, consuming: int) -> int:
    """When everything is consumed: item after item, with the times at which it is produced, put and taken."""
    put_at, taken_at = [0], list[int]()
    free_at = [0] * workers
    for number in range(items):
        produced_at = put_at[-1] + producing
        room_at = taken_at[number - capacity] if number >= capacity else 0
        put_at.append(max(produced_at, room_at))
        consumer = free_at.index(min(free_at))
        taken_at.append(max(put_at[-1], free_at[consumer]))
        free_at[consumer] = taken_at[-1] + consuming
    return max(free_at)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("capacity", [1, 3])
@pytest.mark.parametrize(("producing", "consuming"), [(8, 24), (5, 5), (10, 3), (1, 20)])
def test_virtual_time_follows_the_recurrence_and_the_closed_form(
    simulate: Simulate, workers: int, capacity: int, producing: int, consuming: int
) -> None:
    items = 13
    found = simulate(
        condition_buffer.run,
        workers=workers,
        items=items,
        capacity=capacity,
        producer_units=producing,
        consumer_units=consuming,
    )
    assert found.units == finished(items, workers, capacity, producing, consuming)
    if workers * producing >= consuming:
        assert found.units == items * producing + consuming
    else:
        turns = [-(-(items - index) // workers) for index in range(workers)]
        assert found.units == max((index + 1) * producing + turn * consuming for index, turn in enumerate(turns))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_do_not_depend_on_the_workers(workers: int) -> None:
    found = condition_buffer.run(workers=workers, items=9, capacity=2, producer_units=1, consumer_units=1)
    assert found == [computing.derive(computing.derive(number, 1), 1) for number in range(9)]


def test_a_closed_buffer_gives_what_it_has_and_then_none() -> None:
    buffer = Buffer(2)
    buffer.put(7)
    buffer.put(8)
    buffer.close()
    assert [buffer.get() for _ in range(4)] == [7, 8, None, None]


def test_a_buffer_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^capacity=0: it must be 1 or more"):
        condition_buffer.run(capacity=0)
