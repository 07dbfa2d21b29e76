"""Fork and join: a sum over items, halved until there is a part for every worker, each half in a thread of its own.

There is no wrong form. Closed form, with a core each and nothing for starting threads: the largest part, which has
ceil(n / N) items, so items / ceil(items / N) times as fast. The threads are started as a tree, ceil(log2(N)) of them
one after the other on the longest path where a loop would start N (Lea, A Java Fork/Join Framework, 2000). No item
needs the GIL. weft must find nothing, after one execution: a parent reads its child's sum after joining it.
"""

from __future__ import annotations

import threading

from . import computing
from .parameters import at_least


def run(*, workers: int = 2, items: int = 128, units: int = 18) -> int:
    """The sum of ``items`` numbers that take ``units`` each to compute, on ``workers`` threads and this one."""
    at_least(1, workers=workers)
    at_least(0, items=items, units=units)
    return _sum(range(items), workers, units)


def _sum(numbers: range, workers: int, units: int) -> int:
    """Computed by ``workers`` threads, of which the calling one is the last."""
    if workers == 1:
        return sum(computing.derive(number, units) for number in numbers) % computing.MODULUS
    forked = workers // 2
    middle = len(numbers) * forked // workers
    sums = [0]

    def fork() -> None:
        sums[0] = _sum(numbers[:middle], forked, units)

    thread = threading.Thread(target=fork, name=f"items-{numbers.start}-{numbers.start + middle}")
    thread.start()
    rest = _sum(numbers[middle:], workers - forked, units)
    thread.join()
    return (sums[0] + rest) % computing.MODULUS
