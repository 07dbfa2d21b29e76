"""A fixed amount of SHA-256, split over the workers: the plainest program that really runs in parallel in Python.

There is no wrong form. ``hashlib`` releases the GIL for anything above 2047 bytes and the workers share nothing, so the
GIL must make no difference and the closed form is the even split: speedup = blocks / ceil(blocks / workers) while
workers <= cores, bent only by what starting a thread costs and by cores that slow each other down. weft must find
nothing, after one execution: threads that only start and end have only one schedule worth running.
"""

from __future__ import annotations

import hashlib
import threading


def run(*, workers: int = 1, blocks: int = 64, block_bytes: int = 4 << 20) -> str:
    """Hash ``blocks`` blocks of ``block_bytes`` on ``workers`` threads; a digest that does not depend on ``workers``.

    The default block takes 2 to 10 ms, far above what a thread or a GIL hand-over costs.
    """
    content = bytes(block_bytes)
    digests = [b""] * blocks

    def worker(first: int) -> None:
        for number in range(first, blocks, workers):
            digest = hashlib.sha256(str(number).encode())
            digest.update(content)
            digests[number] = digest.digest()

    threads = [threading.Thread(target=worker, args=(index,), name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return hashlib.sha256(b"".join(digests)).hexdigest()
