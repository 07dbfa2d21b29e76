"""The number of executions against closed formulas: one for each Mazurkiewicz trace, none twice, none missing.

Where a number has no formula, GenMC, Nidhugg and an enumeration of ours agreed on it (explorer.md, section 0).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import factorial

import pytest

from weft.checkers.exploration.explore import Budget, Exploration, explore
from weft.models import dining

EVERYTHING = Budget(keep_going=True, max_seconds=240)


def explore_all(program: Callable[[], object]) -> Exploration:
    """Explore to the end; nothing may be run in vain, planned in vain or left out."""

    def run() -> None:
        program()

    result = explore(run, "dpor", EVERYTHING)
    assert result.exhaustive, result.limits
    assert result.redundant == 0
    return result


@pytest.mark.parametrize("philosophers", [2, 3, 4, 5, 8])
def test_left_then_right_gives_2_to_the_n_less_1(philosophers: int) -> None:
    result = explore_all(lambda: dining.deadlocking(philosophers=philosophers))
    assert result.executions == 2**philosophers - 1
    assert list(result.seen.values()) == [1], "one of them is the deadlock"


@pytest.mark.parametrize("philosophers", [2, 3, 4, 5, 6])
def test_ordered_forks_give_2_to_the_n_less_2(philosophers: int) -> None:
    result = explore_all(lambda: dining.ordered(philosophers=philosophers))
    assert result.executions == 2**philosophers - 2
    assert not result.problems


def sections(threads: int, times: int) -> Callable[[], list[int]]:
    """``threads`` threads that enter one critical section ``times`` times each; who entered, in order."""

    def program() -> list[int]:
        lock = threading.Lock()
        entered: list[int] = []

        def work(number: int) -> None:
            for _ in range(times):
                with lock:
                    entered.append(number)

        started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        return entered

    return program


@pytest.mark.parametrize(
    ("threads", "times"),
    [(2, 1), (2, 2), (3, 1), (3, 2), (2, 4), (4, 1), pytest.param(4, 2, marks=pytest.mark.slow)],
)
def test_sections_on_one_lock_give_every_order_once(threads: int, times: int) -> None:
    orders: list[tuple[int, ...]] = []
    program = sections(threads, times)
    result = explore_all(lambda: orders.append(tuple(program())))
    del orders[0]  # explore() runs the program once before it counts
    assert result.executions == factorial(threads * times) // factorial(times) ** threads
    assert len(set(orders)) == len(orders) == result.executions


def test_two_appends_under_one_lock_are_seen_in_both_orders() -> None:
    seen: list[list[str]] = []

    def program() -> None:
        lock = threading.Lock()
        items: list[str] = []

        def append(item: str) -> None:
            with lock:
                items.append(item)

        threads = [threading.Thread(target=append, args=(item,)) for item in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen.append(items)

    assert explore_all(program).executions == 2
    del seen[0]  # explore() runs the program once before it counts
    assert sorted(seen) == [["a", "b"], ["b", "a"]]


def bounded_buffer(items: int) -> Callable[[], None]:
    """Two producers, two consumers, room for two, two conditions on one lock: the monitor of every textbook."""

    def program() -> None:
        lock = threading.Lock()
        not_full, not_empty = threading.Condition(lock), threading.Condition(lock)
        buffer: list[int] = []

        def produce() -> None:
            for item in range(items):
                with lock:
                    while len(buffer) == 2:
                        not_full.wait()
                    buffer.append(item)
                    not_empty.notify()

        def consume() -> None:
            for _ in range(items):
                with lock:
                    while not buffer:
                        not_empty.wait()
                    buffer.pop(0)
                    not_full.notify()

        threads = [threading.Thread(target=target) for target in (produce, produce, consume, consume)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return program


@pytest.mark.parametrize(("items", "traces"), [(1, 48), pytest.param(2, 18_252, marks=pytest.mark.slow)])
def test_the_bounded_buffer_has_the_published_number_of_traces(items: int, traces: int) -> None:
    result = explore_all(bounded_buffer(items))
    assert result.executions == traces
    assert not result.problems


def test_independent_threads_are_run_in_one_order_only() -> None:
    def program() -> None:
        threads = [threading.Thread(target=threading.Lock().acquire) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert explore_all(program).executions == 1


def test_two_permits_let_three_threads_take_in_every_order() -> None:
    """Permits are taken in the order they were given, so that neither takes nor gives commute."""

    def program() -> None:
        permits = threading.Semaphore(2)

        def work() -> None:
            with permits:
                pass

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # 3! orders of the takes; the third takes the permit of the first or of the second; and gives back before or after
    # the one that is left.
    assert explore_all(program).executions == 6 * 2 * 2


def test_a_failed_try_hides_no_earlier_race() -> None:
    """The thread that blocks may have come before the try that succeeded, though never before the one that failed."""
    answers: set[tuple[bool, bool]] = set()

    def program() -> None:
        lock = threading.Lock()
        thread = threading.Thread(target=lock.acquire, daemon=True)
        thread.start()
        answers.add((lock.acquire(blocking=False), lock.acquire(blocking=False)))

    assert explore_all(program).executions == 2
    assert answers == {(True, False), (False, False)}


def test_a_release_by_another_thread_may_come_before_the_acquire_it_would_undo() -> None:
    failed: set[bool] = set()

    def program() -> None:
        lock = threading.Lock()
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        try:
            lock.release()
            failed.add(False)
        except RuntimeError:
            failed.add(True)
        thread.join()

    assert explore_all(program).executions == 2
    assert failed == {False, True}
