# expect: E001,D003
"""A callback raises in the thread that hands results back: whoever waits for a later result waits for ever."""

from multiprocessing.pool import ThreadPool

pool = ThreadPool(1)


def note(number):
    raise ValueError(number)


pool.apply_async(abs, (-1,), callback=note)
assert pool.apply(abs, (-2,)) == 2
pool.close()
