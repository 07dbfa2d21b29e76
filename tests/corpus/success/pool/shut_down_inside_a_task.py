# expect: clean
"""The pool is told to shut down after the last task has said that it is the last."""

import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1)
last = threading.Event()


def again(times):
    if times:
        pool.submit(again, times - 1)
    else:
        last.set()


pool.submit(again, 1)
last.wait()
pool.shutdown()
