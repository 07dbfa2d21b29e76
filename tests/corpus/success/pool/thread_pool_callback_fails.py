# expect: clean
"""The task raises instead of the callback, and its caller is told; the pool goes on."""

from multiprocessing.pool import ThreadPool

pool = ThreadPool(1)
told = []


def check(number):
    raise ValueError(number)


job = pool.apply_async(check, (-1,), error_callback=told.append)
assert pool.apply(abs, (-2,)) == 2
pool.close()
pool.join()
assert not job.successful()
assert len(told) == 1
