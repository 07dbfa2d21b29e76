# expect: D003,E001
"""A job fails, the worker ends before task_done(), and Queue.join waits for ever."""

import queue
import threading

jobs = queue.Queue()


def work():
    while True:
        job = jobs.get()
        1 / job
        jobs.task_done()


threading.Thread(target=work, name="worker", daemon=True).start()
jobs.put(1)
jobs.put(0)
jobs.join()
