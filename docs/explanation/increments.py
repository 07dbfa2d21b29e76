"""Threads that add to one counter without a lock: the program of docs/explanation/races.md whose schedules are counted."""

import threading


class Counter:
    value = 0


def increments(*, threads: int = 2, times: int = 1) -> None:
    counter = Counter()

    def work() -> None:
        for _ in range(times):
            counter.value += 1

    adders = [threading.Thread(target=work) for _ in range(threads)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
