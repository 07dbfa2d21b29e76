"""The benchmark's programs as plain threaded Python: weft and interleave-test run these very functions.

Only the standard library is used and every name is looked up when a program runs, so that tools that replace
``threading`` see all of it. run_frontrun.py says the same programs in frontrun's form (a setup and its workers).
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable

Program = Callable[[], None]
Orders = set[tuple[int, ...]]


def program(row: str, philosophers: int, orders: Orders) -> Program:
    """The program of a row; ``append-NxK`` adds each order of its appends to ``orders``."""
    if row.startswith("append-"):
        threads, times = row.removeprefix("append-").split("x")
        return append(int(threads), int(times), orders)
    if row.startswith("dining-"):
        return dining(philosophers, ordered=row == "dining-ordered")
    return {
        "put-under-lock": put_under_lock,
        "queue-join": queue_join,
        "lost-wakeup": lost_wakeup,
        "pool-in-pool": pool_in_pool,
    }[row]


def run(*targets: Callable[[], object]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def seats(philosophers: int, ordered: bool) -> list[tuple[int, int]]:
    """The two forks of each seat, in the order they are taken."""
    pairs = [(seat, (seat + 1) % philosophers) for seat in range(philosophers)]
    return [(min(pair), max(pair)) for pair in pairs] if ordered else pairs


def dining(philosophers: int, *, ordered: bool) -> Program:
    def dine() -> None:
        forks = [threading.Lock() for _ in range(philosophers)]

        def philosopher(first: int, second: int) -> Callable[[], None]:
            def eat() -> None:
                with forks[first], forks[second]:
                    pass

            return eat

        run(*[philosopher(*pair) for pair in seats(philosophers, ordered)])

    return dine


def append(threads: int, times: int, orders: Orders) -> Program:
    def appends() -> None:
        lock = threading.Lock()
        order: list[int] = []

        def writer(number: int) -> Callable[[], None]:
            def write() -> None:
                for _ in range(times):
                    with lock:
                        order.append(number)

            return write

        run(*[writer(number) for number in range(threads)])
        orders.add(tuple(order))

    return appends


def put_under_lock() -> None:
    """``put`` on the full queue waits for a free slot while it holds the lock that the consumer needs to make one."""
    slots: queue.Queue[int] = queue.Queue(1)
    lock = threading.Lock()

    def produce() -> None:
        for item in range(2):
            with lock:
                slots.put(item)

    def consume() -> None:
        for _ in range(2):
            with lock:
                slots.get()

    run(produce, consume)


def queue_join() -> None:
    """Nobody calls ``task_done``."""
    pending: queue.Queue[int] = queue.Queue()
    pending.put(1)
    run(pending.get, pending.join)


def lost_wakeup() -> None:
    """A notify without a flag, which may come before the wait."""
    changed = threading.Condition()

    def wait() -> None:
        with changed:
            changed.wait()

    def notify() -> None:
        with changed:
            changed.notify()

    run(wait, notify)


def pool_in_pool() -> None:
    """A task waits for a task of its own pool, which has one worker."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:

        def outer() -> int:
            return pool.submit(int).result()

        pool.submit(outer).result()
