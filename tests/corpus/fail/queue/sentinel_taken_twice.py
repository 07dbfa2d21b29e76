# expect: D003
"""Each worker puts the sentinel back for the next, but only when it was not the first to see it."""

import queue
import threading

jobs = queue.Queue()
first = threading.Lock()


def work():
    while jobs.get() is not None:
        pass
    if not first.acquire(blocking=False):
        jobs.put(None)


threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
jobs.put(None)
for thread in threads:
    thread.join()
