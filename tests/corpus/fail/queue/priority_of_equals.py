# expect: E001
"""Two jobs of one priority are compared by their second part, which cannot be compared."""

import queue
import threading

jobs = queue.PriorityQueue()


def submit(name):
    jobs.put((1, {"job": name}))


threads = [threading.Thread(target=submit, args=(name,), name=name) for name in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
