"""The number of executions of the workloads that are made to be measured, counted without weft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import factorial

import pytest

from weft.models import lock_striping

from .interleavings import State, Step, count, put, step

Executions = Callable[..., int]


def sections(state: State) -> Iterator[Step]:
    """``lock_bound`` and ``lock_striping``: for every worker the locks that it still has to take, one after the other."""
    for index, locks in enumerate(state):
        if locks:
            yield step(f"{index}", "section", locks[0], put(state, index, locks[1:]))


def bag(state: State) -> Iterator[Step]:
    """``task_bag``: how many tasks are left, and who still takes some."""
    left, workers = state
    for index in workers:
        if left:
            yield step(f"{index}", "take", "lock", (left - 1, workers))
        else:
            yield step(f"{index}", "end", "lock", (0, workers - {index}))


def stealing(state: State) -> Iterator[Step]:
    """``work_stealing``: how many tasks each deque has, and how far each worker is in its round of the deques."""
    left, looking = state
    for index, distance in enumerate(looking):
        if distance == len(left):
            continue
        victim = (index + distance) % len(left)
        if left[victim]:
            after = (put(left, victim, left[victim] - 1), put(looking, index, 0))
            yield step(f"{index}", "take", f"deque-{victim}", after)
        else:
            yield step(f"{index}", "empty", f"deque-{victim}", (left, put(looking, index, distance + 1)))


def buffer(state: State) -> Iterator[Step]:
    """``condition_buffer``: every critical section is on its one lock; None for a producer that has closed it."""
    to_put, capacity, held, producer_waits, waiting, consumers = state
    if to_put is not None and not producer_waits:
        if to_put and held == capacity:
            yield step("producer", "wait", "lock", (to_put, capacity, held, True, waiting, consumers))
        elif to_put:
            woken = put(consumers, waiting[0], "look") if waiting else consumers
            yield step("producer", "put", "lock", (to_put - 1, capacity, held + 1, False, waiting[1:], woken))
        else:
            woken = tuple("look" if consumer == "wait" else consumer for consumer in consumers)
            yield step("producer", "close", "lock", (None, capacity, held, False, (), woken))
    for index, consumer in enumerate(consumers):
        if consumer != "look":
            continue
        if held:
            yield step(f"{index}", "take", "lock", (to_put, capacity, held - 1, False, waiting, consumers))
        elif to_put is None:
            yield step(f"{index}", "end", "lock", (*state[:5], put(consumers, index, "end")))
        else:
            after = (*state[:4], (*waiting, index), put(consumers, index, "wait"))
            yield step(f"{index}", "wait", "lock", after)


def arrivals(state: State) -> Iterator[Step]:
    """Barriers: how many each worker has passed, and how many there are."""
    passed, barriers = state
    for index, number in enumerate(passed):
        if number < barriers and number == min(passed):
            yield step(f"{index}", "arrive", "barrier", (put(passed, index, number + 1), barriers))


def cached(state: State) -> Iterator[Step]:
    """``cached_service``, one key: everything is in the queue; ``key`` is the lock of the coalescing form, or None.

    There are more connections than workers: taking one never waits, but who takes or gives one first can be told.
    """
    items, stored, key, workers = state
    for index, worker in enumerate(workers):
        if worker == "get" and items:
            begin = "look up" if key is None else "lock"
            after = put(workers, index, begin if items[0] == "request" else "end")
            yield step(f"{index}", items[0], "head", (items[1:], stored, key, after))
        elif worker == "lock" and not key and stored:
            yield step(f"{index}", "locked hit", "key cache", (items, True, False, put(workers, index, "get")))
        elif worker == "lock" and not key:
            yield step(f"{index}", "locked miss", "key cache", (items, False, True, put(workers, index, "connect")))
        elif worker == "look up" and stored:
            yield step(f"{index}", "hit", "cache", (items, True, key, put(workers, index, "get")))
        elif worker == "look up":
            yield step(f"{index}", "miss", "cache", (items, False, key, put(workers, index, "connect")))
        elif worker == "connect":
            yield step(f"{index}", worker, "taken", (items, stored, key, put(workers, index, "leave")))
        elif worker == "leave":
            yield step(f"{index}", worker, "given", (items, stored, key, put(workers, index, "store")))
        elif worker == "store":
            free = None if key is None else False
            yield step(f"{index}", "store", "key cache", (items, True, free, put(workers, index, "get")))


@pytest.mark.parametrize(("workers", "rounds"), [(2, 4), (2, 6), (3, 3)])
def test_lock_bound_has_all_orders_of_its_sections(executions: Executions, workers: int, rounds: int) -> None:
    expected = factorial(rounds) // factorial(rounds // workers) ** workers
    assert expected == count(sections, (("lock",) * (rounds // workers),) * workers)
    assert executions("lock_bound:run", workers=workers, rounds=rounds, units=0) == expected


@pytest.mark.parametrize("stripes", [1, 2, 8])
def test_lock_striping(executions: Executions, stripes: int) -> None:
    stripe = [f"stripe-{lock_striping.key_of(number) % stripes}" for number in range(6)]
    expected = count(sections, (tuple(stripe[0::2]), tuple(stripe[1::2])))
    sizes = {"updates": 6, "stripes": stripes, "inside_units": 0, "outside_units": 0}
    assert executions("lock_striping:run", **sizes) == expected


@pytest.mark.parametrize(("workers", "tasks"), [(2, 2), (2, 4), pytest.param(3, 2, marks=pytest.mark.slow)])
def test_task_bag(executions: Executions, workers: int, tasks: int) -> None:
    expected = count(bag, (tasks + 1, frozenset(range(workers))))
    sizes = {"workers": workers, "tasks": tasks, "units": 0, "giant_units": 0}
    assert executions("task_bag:run", **sizes) == expected


@pytest.mark.parametrize(("workers", "tasks"), [(2, 2), (2, 4), pytest.param(3, 2, marks=pytest.mark.slow)])
def test_work_stealing(executions: Executions, workers: int, tasks: int) -> None:
    left = tuple((index + 1) * tasks // workers - index * tasks // workers for index in range(workers))
    expected = count(stealing, (left, (0,) * workers))
    assert executions("work_stealing:run", workers=workers, tasks=tasks, units=0) == expected


@pytest.mark.parametrize(("workers", "items", "capacity"), [(1, 3, 1), (1, 3, 2), (2, 1, 1)])
def test_condition_buffer(executions: Executions, workers: int, items: int, capacity: int) -> None:
    expected = count(buffer, (items, capacity, 0, False, (), ("look",) * workers))
    sizes = {"workers": workers, "items": items, "capacity": capacity, "producer_units": 0, "consumer_units": 0}
    assert executions("condition_buffer:run", **sizes) == expected


@pytest.mark.parametrize(("workers", "steps"), [(2, 1), (2, 2), (3, 1)])
def test_data_parallel_has_two_barriers_a_step(executions: Executions, workers: int, steps: int) -> None:
    expected = factorial(workers) ** (2 * steps)
    assert expected == count(arrivals, ((0,) * workers, 2 * steps))
    sizes = {"workers": workers, "steps": steps, "shards": 2, "examples": 2, "features": 2}
    assert executions("data_parallel:run", **sizes) == expected


@pytest.mark.parametrize("requests", [1, 2, 3])
@pytest.mark.parametrize(("form", "key"), [("run", None), ("coalesced", False)])
def test_cached_service(executions: Executions, form: str, key: bool | None, requests: int) -> None:
    expected = count(cached, (("request",) * requests + ("end",) * 2, False, key, ("get",) * 2))
    assert executions(f"cached_service:{form}", requests=requests, distinct=1, units=0) == expected


@pytest.mark.parametrize("requests", [1, 2, 4])
def test_open_loop_has_a_choice_of_two_workers_for_every_item(executions: Executions, requests: int) -> None:
    """The requests, and then a sentinel for each; the second one is left to the other."""
    assert executions("open_loop:run", requests=requests, units=0) == 2 ** (requests + 1)
