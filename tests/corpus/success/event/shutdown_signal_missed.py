# expect: clean
"""A shut-down signal is an event and a job that wakes the worker."""

import queue
import threading

stopping = threading.Event()
jobs = queue.Queue()


def work():
    while not stopping.is_set():
        jobs.get()


thread = threading.Thread(target=work, name="worker")
thread.start()
stopping.set()
jobs.put(None)
thread.join()
