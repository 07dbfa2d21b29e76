# package: Pebble==5.2.3
# expect: bounded
"""Two tasks on a ThreadPool of two workers, then close and join."""

from pebble import ThreadPool

pool = ThreadPool(max_workers=2)
first = pool.schedule(len, args=["one"])
second = pool.schedule(len, args=["three"])
assert (first.result(), second.result()) == (3, 5)
pool.close()
pool.join()
