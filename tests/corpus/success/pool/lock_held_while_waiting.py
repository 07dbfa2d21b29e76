# expect: clean
"""The caller submits under the lock and waits after it."""

import threading
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()


def task():
    with lock:
        return 1


with ThreadPoolExecutor(1) as pool:
    with lock:
        future = pool.submit(task)
    assert future.result() == 1
