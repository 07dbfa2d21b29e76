"""frontrun in its own process: the same programs as a setup and workers, under its systematic search (DPOR).

Settings are its defaults, except where its documentation names a better one for the purpose, or where a default costs
time without finding more: exhaustion without the preemption bound, the virtual clock where threads block on queues and
conditions (with the real clock these rows end inconclusive), no replays of the counterexample.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import queue
import threading
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from answer import Answer, Question, question
from programs import seats

# Imported by name: type checkers of this repository do not have it.
frontrun: Any = importlib.import_module("frontrun")
Worker = Callable[[Any], object]


class Dining:
    def __init__(self, philosophers: int) -> None:
        self.forks = [threading.Lock() for _ in range(philosophers)]


def philosopher(first: int, second: int) -> Worker:
    def eat(table: Dining) -> None:
        with table.forks[first], table.forks[second]:
            pass

    return eat


class Log:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.order: list[int] = []


def writer(number: int, times: int) -> Worker:
    def write(log: Log) -> None:
        for _ in range(times):
            with log.lock:
                log.order.append(number)

    return write


class Slots:
    def __init__(self) -> None:
        self.queue: queue.Queue[int] = queue.Queue(1)
        self.lock = threading.Lock()


def produce(slots: Slots) -> None:
    for item in range(2):
        with slots.lock:
            slots.queue.put(item)


def consume(slots: Slots) -> None:
    for _ in range(2):
        with slots.lock:
            slots.queue.get()


class Pending:
    def __init__(self) -> None:
        self.queue: queue.Queue[int] = queue.Queue()
        self.queue.put(1)


def get(pending: Pending) -> None:
    pending.queue.get()


def join(pending: Pending) -> None:
    pending.queue.join()


class Signal:
    def __init__(self) -> None:
        self.changed = threading.Condition()


def wait(signal: Signal) -> None:
    with signal.changed:
        signal.changed.wait()


def notify(signal: Signal) -> None:
    with signal.changed:
        signal.changed.notify()


def pool_in_pool(_: None) -> None:
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:

        def outer() -> int:
            return pool.submit(int).result()

        pool.submit(outer).result()


def nothing() -> None:
    return None


def arguments(asked: Question, orders: set[tuple[int, ...]]) -> dict[str, Any]:
    """What ``frontrun.explore`` is called with."""

    def note_order(log: Log) -> bool:
        orders.add(tuple(log.order))
        return True

    def holds(_: object) -> bool:
        return True

    row = asked.row
    if row.startswith("append-"):
        threads, times = (int(number) for number in row.removeprefix("append-").split("x"))
        workers = [writer(number, times) for number in range(threads)]
        return {"setup": Log, "workers": workers, "invariant": note_order, "stop_on_first": False}
    if row.startswith("dining-"):
        workers = [philosopher(*pair) for pair in seats(asked.philosophers, row == "dining-ordered")]
        known = {"setup": lambda: Dining(asked.philosophers), "workers": workers, "invariant": holds}
        return known if row == "dining-first" else {**known, "stop_on_first": False, "preemption_bound": None}
    setup, workers = {
        "put-under-lock": (Slots, [produce, consume]),
        "queue-join": (Pending, [get, join]),
        "lost-wakeup": (Signal, [wait, notify]),
        "pool-in-pool": (nothing, [pool_in_pool]),
    }[row]
    return {"setup": setup, "workers": workers, "invariant": holds, "clock": "virtual"}


def main() -> None:
    asked = question()
    orders: set[tuple[int, ...]] = set()
    options = arguments(asked, orders)
    began, began_cpu = perf_counter(), process_time()
    result: Any = frontrun.explore(**options, reproduce_on_failure=0, total_timeout=asked.limit)
    seconds, cpu_seconds = perf_counter() - began, process_time() - began_cpu
    seen = len(orders) if asked.row.startswith("append-") else None
    executions = int(result.num_explored)
    if result.property_holds is None:
        Answer("inconclusive", executions, seconds, cpu_seconds, seen, str(result.inconclusive_reason)[:200]).send()
    # Past its time limit it answers with what it has; a failure found before then still counts.
    cut_off = seconds >= asked.limit
    if result.property_holds:
        Answer("unfinished" if cut_off else "clean", executions, seconds, cpu_seconds, seen).send()
    finished = asked.row != "dining-all" or not cut_off
    note = str(result.explanation or "").partition("\n")[0][:200]
    Answer("finding" if finished else "unfinished", executions, seconds, cpu_seconds, seen, note).send()


if __name__ == "__main__":
    main()
