"""Dining philosophers: as many forks as philosophers, and everyone needs the two beside the plate.

The wrong form is Dijkstra's own (EWD310, 1971): everybody takes the left fork, then the right one, and a round of left
forks leaves nobody a right one. weft must find D001, a cycle through all the philosophers, in ``deadlocking``.

Closed form, for n philosophers who eat once: each fork is taken by one of its two neighbours first, so there are 2^n
orders. With the left fork first one of them cannot happen and one is the deadlock: 2^n - 1 executions (7 for n=3); with
an order on the forks the two cyclic ones cannot happen: 2^n - 2 executions (6 for n=3).
"""

from __future__ import annotations

import threading


def deadlocking(*, philosophers: int = 3) -> int:
    """Everyone takes the left fork, then the right one; the meals eaten."""
    forks = _forks(philosophers)
    return _dine([(forks[seat], forks[(seat + 1) % philosophers]) for seat in range(philosophers)])


def ordered(*, philosophers: int = 3) -> int:
    """Everyone takes the fork with the lower number first; the meals eaten."""
    forks = _forks(philosophers)
    seats = [sorted((seat, (seat + 1) % philosophers)) for seat in range(philosophers)]
    return _dine([(forks[low], forks[high]) for low, high in seats])


def _forks(philosophers: int) -> list[threading.Lock]:
    if philosophers < 2:
        raise ValueError(f"philosophers={philosophers}: one alone has a single fork; seat at least 2")
    return [threading.Lock() for _ in range(philosophers)]


def _dine(forks_by_seat: list[tuple[threading.Lock, threading.Lock]]) -> int:
    meals = [0] * len(forks_by_seat)

    def philosopher(seat: int) -> None:
        first, second = forks_by_seat[seat]
        with first, second:
            meals[seat] += 1

    threads = [
        threading.Thread(target=philosopher, args=(seat,), name=f"philosopher-{seat}") for seat in range(len(meals))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(meals)
