"""The number of executions of the pools, the service and the philosophers, counted without weft."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .interleavings import State, Step, count, put, step, tasks

Executions = Callable[..., int]


def queue_pool(state: State) -> Iterator[Step]:
    """``right``: tasks are in the queue, workers get and report, main joins the queue, then puts the sentinels."""
    items, unfinished, sentinels, workers = state
    if sentinels < 0 and not unfinished:
        yield step("main", "join", "", (items, 0, len(workers), workers))
    elif sentinels > 0:
        yield step("main", "put", "", ((*items, "end"), 0, sentinels - 1, workers))
    for index, worker in enumerate(workers):
        if worker == "get" and items:
            after = put(workers, index, "end" if items[0] == "end" else "report")
            yield step(f"{index}", items[0], "head", (items[1:], unfinished, sentinels, after))
        elif worker == "report":
            yield step(f"{index}", "done", "count", (items, unfinished - 1, sentinels, put(workers, index, "get")))


def condition_pool(state: State) -> Iterator[Step]:
    """Both forms: critical sections on one lock; ``stops`` is None when the pool never stops, else "has it?"."""
    submits, stops, tasks, waiting, workers = state
    if submits:
        woken = put(workers, waiting[0], "look") if waiting else workers
        yield step("main", "submit", "lock", (submits - 1, stops, tasks + 1, waiting[1:], woken))
    elif stops is False:
        woken = tuple("look" if worker == "wait" else worker for worker in workers)
        yield step("main", "stop", "lock", (0, True, tasks, (), woken))
    for index, worker in enumerate(workers):
        if worker != "look":
            continue
        if tasks:
            yield step(f"{index}", "take", "lock", (submits, stops, tasks - 1, waiting, workers))
        elif stops:
            yield step(f"{index}", "end", "lock", (submits, stops, 0, waiting, put(workers, index, "end")))
        else:
            after = put(workers, index, "wait")
            yield step(f"{index}", "wait", "lock", (submits, stops, 0, (*waiting, index), after))


def service(state: State) -> Iterator[Step]:
    """Both forms; ``cache`` and ``metrics``: is the lock held between steps? Releases ride on the last step inside."""
    right, puts, items, workers, reporter, cache, metrics = state
    if puts:
        yield step("main", "put", "", (right, puts[1:], (*items, puts[0]), workers, reporter, cache, metrics))
    if right and reporter == "first" and not cache:
        yield step("reporter", "size", "cache", (right, puts, items, workers, "second", cache, metrics))
    elif right and reporter == "second" and not metrics:
        yield step("reporter", "counts", "metrics", (right, puts, items, workers, "end", cache, metrics))
    elif not right and reporter == "first" and not metrics:
        yield step("reporter", "counts", "metrics", (right, puts, items, workers, "second", cache, True))
    elif not right and reporter == "second" and not cache:
        yield step("reporter", "size", "cache metrics", (right, puts, items, workers, "end", cache, False))
    for index, worker in enumerate(workers):
        if worker == "get" and items:
            after = put(workers, index, "end" if items[0] == "end" else "look up")
            yield step(f"{index}", items[0], "head", (right, puts, items[1:], after, reporter, cache, metrics))
        elif worker == "look up" and not cache:
            after = put(workers, index, "count")
            yield step(f"{index}", worker, "cache", (right, puts, items, after, reporter, True, metrics))
        elif worker == "count" and not metrics:
            after = put(workers, index, "store")
            yield step(f"{index}", worker, "cache metrics", (right, puts, items, after, reporter, False, metrics))
        elif worker == "store" and not cache:
            after = put(workers, index, "get")
            yield step(f"{index}", worker, "cache", (right, puts, items, after, reporter, cache, metrics))


def executor(state: State) -> Iterator[Step]:
    """``run``: a pool that may grow starts a worker unless one is idle, so that submit sees every end of a task."""
    size, next_task, tasks, items, idle, workers = state
    if next_task < tasks:
        grows = len(workers) < size
        starts = grows and not idle
        after = (*workers, "take") if starts else workers
        left = idle - 1 if grows and idle else idle
        seen = " ".join(f"idle-{number}" for number in range(size)) if grows else ""
        yield step("main", "submit", seen, (size, next_task + 1, tasks, (*items, f"{next_task}"), left, after))
    for index, worker in enumerate(workers):
        if worker == "take" and items:
            after = put(workers, index, "finish")
            yield step(f"{index}", items[0], "head", (size, next_task, tasks, items[1:], idle, after))
        elif worker == "finish":
            after = put(workers, index, "take")
            yield step(f"{index}", "finish", f"idle-{index}", (size, next_task, tasks, items, idle + 1, after))


@pytest.mark.parametrize(("number", "expected"), [(2, 2), (3, 6), (4, 24)])
def test_the_counter_counts_the_orders_of_sections_under_one_lock(number: int, expected: int) -> None:
    def sections(state: State) -> Iterator[Step]:
        for thread in state:
            yield step(thread, "section", "lock", state - {thread})

    assert count(sections, frozenset(tasks(number))) == expected


def test_the_counter_sees_no_order_between_independent_threads() -> None:
    def sections(state: State) -> Iterator[Step]:
        for thread in state:
            yield step(thread, "section", f"lock-{thread}", state - {thread})

    assert count(sections, frozenset(tasks(4))) == 1


@pytest.mark.parametrize(("workers", "number"), [(1, 3), (2, 2), (2, 3)])
def test_queue_pool(executions: Executions, workers: int, number: int) -> None:
    expected = count(queue_pool, (tasks(number), number, -1, ("get",) * workers))
    assert executions("queue_pool:right", workers=workers, tasks=number) == expected


@pytest.mark.parametrize(("workers", "number"), [(1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize(("form", "stops"), [("right", False), ("wrong", None)])
def test_condition_pool(executions: Executions, form: str, stops: bool | None, workers: int, number: int) -> None:
    expected = count(condition_pool, (number, stops, 0, (), ("look",) * workers))
    assert executions(f"condition_pool:{form}", workers=workers, tasks=number) == expected


@pytest.mark.parametrize(("workers", "requests"), [(1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("form", ["right", "wrong"])
def test_service(executions: Executions, form: str, workers: int, requests: int) -> None:
    puts = tasks(requests) + ("end",) * workers
    expected = count(service, (form == "right", puts, (), ("get",) * workers, "first", False, False))
    assert executions(f"service:{form}", workers=workers, requests=requests) == expected


@pytest.mark.parametrize(("workers", "number"), [(1, 3), (2, 2), (2, 4), (3, 3)])
def test_executor(executions: Executions, workers: int, number: int) -> None:
    expected = count(executor, (workers, 0, number, (), 0, ()))
    assert executions("executor:run", workers=workers, tasks=number) == expected


@pytest.mark.parametrize("philosophers", [2, 3, 6])
@pytest.mark.parametrize(("form", "fewer"), [("deadlocking", 1), ("ordered", 2)])
def test_philosophers_follow_the_closed_form(executions: Executions, form: str, fewer: int, philosophers: int) -> None:
    assert executions(f"dining:{form}", philosophers=philosophers) == 2**philosophers - fewer
