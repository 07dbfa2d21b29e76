# expect: D003
# twin: queue/a_sentinel_each
"""One sentinel for two workers."""

import queue
import threading

work = queue.Queue()


def worker():
    while work.get() is not None:
        pass


threads = [threading.Thread(target=worker, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
work.put(None)
for thread in threads:
    thread.join()
