"""A pipeline: items go through the same steps in order, and the steps are dealt out to stages with bounded queues
between them.

There is no wrong form. Every stage is one thread, so ``workers`` is the depth of the pipeline and not the number of
things that can be done to one item at a time. Closed form, with stages of t_1 ... t_N on a core each, n items and room
for at least one item in every queue: t_1 + ... + t_N + (n - 1) max(t_j). For equal stages that is (n + N - 1) t, so the
share (N - 1) / (n + N - 1) of all cores' time is the bubble of filling and draining (Huang and others, GPipe, 2019,
section 2.3, with micro-batches for items). No step needs the GIL.

weft must find nothing, after one execution: every queue has one thread that puts and one that gets, so the order in
which they do it changes nothing (Kahn, The Semantics of a Simple Language for Parallel Programming, 1974).
"""

from __future__ import annotations

import queue
import threading

from . import computing
from .parameters import at_least

Item = tuple[int, int]
"""Its place in the results, and what has become of it so far."""


def run(
    *, workers: int = 2, items: int = 25, steps: int = 4, units: int = 24, slow_units: int = 0, capacity: int = 2
) -> list[int]:
    """Take ``items`` items through ``steps`` steps in ``workers`` stages; the results in order.

    A step is ``units`` long, the last one ``slow_units`` longer. ``capacity`` is the room of each queue.
    """
    at_least(1, workers=workers, steps=steps, capacity=capacity)
    at_least(0, items=items, units=units, slow_units=slow_units)
    lengths = [units] * (steps - 1) + [units + slow_units]
    sources: list[queue.Queue[Item | None]] = [queue.Queue(capacity) for _ in range(workers)]
    finished: queue.Queue[Item | None] = queue.Queue()
    targets = [*sources[1:], finished]

    def stage(index: int) -> None:
        mine = lengths[index * steps // workers : (index + 1) * steps // workers]
        while (item := sources[index].get()) is not None:
            place, value = item
            for length in mine:
                value = computing.derive(value, length)
            targets[index].put((place, value))
        targets[index].put(None)

    threads = [threading.Thread(target=stage, args=(index,), name=f"stage-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for number in range(items):
        sources[0].put((number, number))
    sources[0].put(None)
    results = [0] * items
    while (item := finished.get()) is not None:
        results[item[0]] = item[1]
    for thread in threads:
        thread.join()
    return results
