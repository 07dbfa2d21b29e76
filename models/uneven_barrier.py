"""Rounds with a barrier after each, in which the workers have unequal shares: a triangular loop, dealt out in blocks.

There is no wrong form. A round has P parts, of which part k takes (1 + k s) units; worker i of N gets a block of P / N
of them, as a static schedule deals out a loop. Everybody needs all results of a round for the next one, so each round
takes as long as the last block, and the closed form, with a core each, is rounds * (the sum over the last block). With
s far above 1 / P and P far above N that is a speedup of N^2 / (2 N - 1) and not N: 1.33 for two workers. What the
others lose is waiting in ``Barrier.wait``, and none of it is seen in the time that anybody computes. No part needs the
GIL.

weft must find nothing: a round's results are written to a row of their own, so that nobody writes what somebody still
reads. The barrier leaves the threads nothing to race for.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least


def blocks(parts: int, workers: int) -> list[range]:
    """The parts of each worker."""
    return [range(index * parts // workers, (index + 1) * parts // workers) for index in range(workers)]


def run(*, workers: int = 2, rounds: int = 8, parts: int = 12, units: int = 4, skew: float = 1.0) -> int:
    """``rounds`` rounds by ``workers`` threads, of ``parts`` parts with ``round(units * (1 + k * skew))`` units each.

    With ``skew`` 0 all parts are equal. The result is a number made from all parts of all rounds.
    """
    at_least(1, workers=workers)
    at_least(0, rounds=rounds, parts=parts, units=units, skew=skew)
    barrier = threading.Barrier(workers)
    rows = [[0] * parts for _ in range(rounds)]

    def worker(mine: range) -> None:
        before = 0
        for row in rows:
            for part in mine:
                row[part] = computing.derive((before + part) % computing.MODULUS, round(units * (1 + part * skew)))
            barrier.wait()
            before = sum(row) % computing.MODULUS

    threads = [
        threading.Thread(target=worker, args=(mine,), name=f"worker-{index}")
        for index, mine in enumerate(blocks(parts, workers))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rows[-1]) % computing.MODULUS if rows else 0
