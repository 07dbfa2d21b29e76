"""The queue-built pool, for real."""

from __future__ import annotations

import queue
import threading

import pytest

from weft.models import queue_pool


@pytest.mark.parametrize(("workers", "tasks"), [(1, 0), (1, 1), (2, 3), (8, 50), (4, 2)])
def test_right_squares_every_number(workers: int, tasks: int) -> None:
    assert queue_pool.right(workers=workers, tasks=tasks) == [number * number for number in range(tasks)]


class EndlessJoinError(Exception):
    """Raised in place of a ``Queue.join`` that would not return."""


@pytest.mark.parametrize(("workers", "tasks"), [(2, 3), (4, 2)])
def test_wrong_works_on_the_main_thread_and_joins_unfinished_tasks(
    monkeypatch: pytest.MonkeyPatch, workers: int, tasks: int
) -> None:
    targets: list[object] = []

    def join(pending: queue.Queue[int]) -> None:
        if pending.unfinished_tasks:
            raise EndlessJoinError(pending.unfinished_tasks)

    def start(thread: threading.Thread) -> None:
        targets.append(thread._target)  # type: ignore[attr-defined]

    monkeypatch.setattr(queue.Queue, "join", join)
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(EndlessJoinError) as joined:
        queue_pool.wrong(workers=workers, tasks=tasks)
    assert joined.value.args == (tasks,)
    assert targets == [None] * min(workers, tasks)


def test_wrong_returns_when_there_is_nothing_to_do() -> None:
    assert queue_pool.wrong(tasks=0) == []
