# expect: D003
"""The published pool: the main thread calls the worker with the VALUE of get(), and nobody calls task_done()."""

import queue
import threading

jobs = queue.Queue()
done = []


def worker(job):
    done.append(job * job)


for number in range(2):
    jobs.put(number)
threads = [threading.Thread(target=worker(jobs.get()), name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
jobs.join()
