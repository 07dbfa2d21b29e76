"""Tasks of which a part is pure Python and the rest C code without the GIL: what most programs with NumPy are.

There is no wrong form. The pure part behaves as if it stood inside one lock, and the closed form is that of
``lock_bound`` with the share p of pure Python for s: with n tasks of length u, N workers that divide n on a core each,
and pure parts shorter than the switch interval,

- p <= 1 / N: n u / N + (N - 1) p u;
- p >= 1 / N: n p u + (1 - p) u,

so a speedup of at most 1 / p. Without a GIL it is n u / N for every p. What bends it in reality is that taking the GIL
back costs more than taking a lock, and is asked for after every C call. weft must find nothing, after one execution: the
GIL is no object of the program, and the tasks share nothing else.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least, shares


def run(*, workers: int = 2, tasks: int = 60, units: int = 40, share: float = 0.25) -> list[int]:
    """``tasks`` tasks on ``workers`` threads, ``share`` of each in pure Python; the results in order."""
    at_least(1, workers=workers)
    at_least(0, tasks=tasks, units=units)
    shares(share=share)
    pure = round(share * units)
    results = [0] * tasks

    def worker(first: int) -> None:
        for number in range(first, tasks, workers):
            results[number] = computing.derive(computing.count(number, pure), units - pure)

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
