# expect: D003
"""A shut-down signal is an event, but the worker sleeps in get() and never looks at it."""

import queue
import threading

stopping = threading.Event()
jobs = queue.Queue()


def work():
    while not stopping.is_set():
        jobs.get()


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.put("job")
stopping.set()
thread.join()
