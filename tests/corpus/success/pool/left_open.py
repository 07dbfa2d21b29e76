# expect: clean
"""A pool that nobody shuts down: the interpreter ends its workers at exit, after the queued tasks."""

from concurrent.futures import ThreadPoolExecutor

done = []
pool = ThreadPoolExecutor(max_workers=1)
pool.submit(done.append, 1)
pool.submit(done.append, 2)
