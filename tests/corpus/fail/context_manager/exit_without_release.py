# expect: D003
"""A context manager gives the lock back only when the body went well."""

import threading
from contextlib import contextmanager, suppress

lock = threading.Lock()


@contextmanager
def transaction():
    lock.acquire()
    yield
    lock.release()


def work(amount):
    with suppress(ZeroDivisionError), transaction():
        100 // amount


threads = [threading.Thread(target=work, args=(amount,), name=f"work {amount}") for amount in (0, 5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
