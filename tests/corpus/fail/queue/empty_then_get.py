# expect: D003
"""Two workers both see that the queue is not empty and both call get()."""

import queue
import threading

jobs = queue.Queue()
jobs.put("job")


def work():
    if not jobs.empty():
        jobs.get()


threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
