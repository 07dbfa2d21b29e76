# expect: E001
"""A task submits the next one after the pool was told to shut down."""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1)


def again(times):
    if times:
        pool.submit(again, times - 1)


first = pool.submit(again, 1)
pool.shutdown()
first.result()
