"""ThreadPoolExecutor, for real, with short sleeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from weft.models import executor


@pytest.mark.parametrize(("workers", "tasks"), [(1, 1), (2, 3), (4, 8)])
def test_run_returns_the_tasks_in_order(workers: int, tasks: int) -> None:
    assert executor.run(workers=workers, tasks=tasks, task_seconds=0.001) == list(range(tasks))


def test_every_task_sleeps_for_the_time_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    executor.run(workers=2, tasks=5, task_seconds=0.25)
    assert slept == [0.25] * 5


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_two_pools_answer(workers: int) -> None:
    assert executor.two_pools(workers=workers) == list(range(1, workers + 1))


@pytest.mark.parametrize("workers", [1, 2])
def test_nested_answers_when_the_pool_has_a_worker_for_every_waiting_task_and_one_more(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def larger_pool(max_workers: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers + 1)

    monkeypatch.setattr(executor, "ThreadPoolExecutor", larger_pool)
    assert executor.nested(workers=workers) == list(range(1, workers + 1))
