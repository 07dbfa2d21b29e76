# expect: clean
"""A daemon that waits for the next job when everybody else has gone: every job was done, and nobody waits for it."""

import queue
import threading

jobs = queue.Queue()


def work() -> None:
    while True:
        jobs.get()
        jobs.task_done()


threading.Thread(target=work, name="worker", daemon=True).start()
jobs.put(1)
jobs.put(2)
jobs.join()
