"""The condition-variable pool, for real."""

from __future__ import annotations

import sys

import pytest

from weft.models import condition_pool
from weft.models.condition_pool import EndlessPool, StoppingPool


@pytest.mark.parametrize(("workers", "tasks"), [(1, 0), (1, 1), (2, 2), (8, 50), (4, 2)])
def test_right_squares_every_number(workers: int, tasks: int) -> None:
    assert condition_pool.right(workers=workers, tasks=tasks) == [number * number for number in range(tasks)]


def test_a_stopping_pool_finishes_what_was_submitted() -> None:
    done: list[int] = []
    pool = StoppingPool(1)
    for number in range(20):
        pool.submit(lambda number=number: done.append(number))
    pool.join()
    assert done == list(range(20))


# SystemExit ends a thread silently, but pytest reports it like any other exception.
@pytest.mark.filterwarnings("ignore:Exception in thread worker-:pytest.PytestUnhandledThreadExceptionWarning")
def test_an_endless_pool_ends_only_when_a_task_ends_its_worker() -> None:
    done: list[int] = []
    pool = EndlessPool(2)
    pool.submit(lambda: done.append(1))
    pool.submit(sys.exit)
    pool.submit(sys.exit)
    pool.join()
    assert done == [1]
