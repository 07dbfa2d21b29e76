"""Work of which a share is done inside one lock: the program whose speedup a lock limits.

There is no wrong form. A round is ``units`` long, of which the share s holds the lock, and no part needs the GIL. With n
rounds of length u, N workers that divide n, each with a core, and a lock that goes to whoever waited longest:

- s <= 1 / N: n u / N + (N - 1) s u, since after a staggered start the workers never meet again;
- s >= 1 / N: n s u + (1 - s) u, since the lock is never free until the last round.

So the speedup tends to min(N, 1 / s). Amdahl's law says 1 / (s + (1 - s) / N), which is too little: it is made for a
serial part that nothing else overlaps, and here one worker's outside overlaps another's inside (Eyerman and Eeckhout,
Modeling Critical Sections in Amdahl's Law, 2010). weft must find nothing, after (rounds)! / (rounds / N)!^N executions:
all orders of the critical sections.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least, shares


def run(*, workers: int = 2, rounds: int = 80, units: int = 30, share: float = 0.3) -> list[int]:
    """``rounds`` rounds on ``workers`` threads, ``share`` of the units inside the lock; the results in order."""
    at_least(1, workers=workers)
    at_least(0, rounds=rounds, units=units)
    shares(share=share)
    inside = round(share * units)
    lock = threading.Lock()
    results = [0] * rounds

    def worker(first: int) -> None:
        for number in range(first, rounds, workers):
            with lock:
                result = computing.derive(number, inside)
            results[number] = computing.derive(result, units - inside)

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
