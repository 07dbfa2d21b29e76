# expect: D003
"""A task of a thread pool waits for another task of the same pool, which has no worker left for it."""

from multiprocessing.pool import ThreadPool

pool = ThreadPool(1)


def total(numbers):
    return sum(pool.map(abs, numbers))


assert pool.apply(total, ([-1, -2],)) == 3
pool.close()
