# expect: clean
"""A task of a thread pool waits for a task of another pool, whose worker waits for nobody."""

from multiprocessing.pool import ThreadPool

pool = ThreadPool(1)
helpers = ThreadPool(1)


def total(numbers):
    return sum(helpers.map(abs, numbers))


assert pool.apply(total, ([-1, -2],)) == 3
pool.close()
helpers.close()
