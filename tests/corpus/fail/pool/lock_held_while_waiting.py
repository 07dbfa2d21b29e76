# expect: D001
"""The caller waits for a task under the lock that the task needs."""

import threading
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()


def task():
    with lock:
        return 1


with ThreadPoolExecutor(1) as pool:
    with lock:
        pool.submit(task).result()
