# expect: clean
"""Two jobs of one priority are told apart by a running number."""

import itertools
import queue
import threading

jobs = queue.PriorityQueue()
numbers = itertools.count()


def submit(name):
    jobs.put((1, next(numbers), {"job": name}))


threads = [threading.Thread(target=submit, args=(name,), name=name) for name in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert jobs.get()[1] == 0
