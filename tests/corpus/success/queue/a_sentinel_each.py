# expect: clean
"""One sentinel for each worker."""

import queue
import threading

work = queue.Queue()


def worker():
    while work.get() is not None:
        pass


threads = [threading.Thread(target=worker) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in threads:
    work.put(None)
for thread in threads:
    thread.join()
