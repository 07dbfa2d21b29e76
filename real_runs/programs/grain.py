"""Threads that compute in operations of one length, some of it in one lock, some of it on large arrays.

All four are parameters, so that a sweep over them shows where a prediction holds and where it does not.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable


def run(
    *,
    workers: int = 2,
    operations: int = 400,
    block_bytes: int = 1 << 18,
    lock_share: float = 0.0,
    array_bytes: int = 0,
) -> int:
    """``operations`` operations dealt out to ``workers`` threads; how many were done.

    An operation hashes ``block_bytes``, of which ``lock_share`` with the lock held; with ``array_bytes`` it adds arrays
    of that size in all instead, outside and inside the lock.
    """
    lock = threading.Lock()
    done = [0] * workers
    inside = round(block_bytes * lock_share)

    def worker(index: int) -> None:
        outer = _work(array_bytes, block_bytes - inside, 1.0 - lock_share)
        inner = _work(array_bytes, inside, lock_share)
        for _ in range(index, operations, workers):
            if inside:
                with lock:
                    inner()
            if inside < block_bytes:
                outer()
            done[index] += 1

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def _work(array_bytes: int, block_bytes: int, share: float) -> Callable[[], object]:
    if array_bytes and share:
        import numpy as np

        length = max(round(array_bytes * share) // 16, 1)
        values, total = np.ones(length), np.zeros(length)
        return lambda: np.add(total, values, out=total)
    block = bytes(block_bytes)
    return lambda: hashlib.sha256(block)
