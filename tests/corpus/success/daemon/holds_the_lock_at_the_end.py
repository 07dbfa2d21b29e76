# expect: clean
"""A daemon takes the lock and waits for ever, and nobody else needs it."""

import queue
import threading

lock = threading.Lock()
jobs = queue.Queue()
taken = threading.Event()


def work():
    with lock:
        taken.set()
        jobs.get()


threading.Thread(target=work, name="worker", daemon=True).start()
taken.wait()
