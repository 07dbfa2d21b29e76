# expect: clean
"""A queue gives one producer's jobs in their order."""

import queue
import threading

jobs = queue.SimpleQueue()
done = []


def work():
    for _ in range(2):
        done.append(jobs.get())


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.put(1)
jobs.put(2)
thread.join()
assert done == [1, 2]
