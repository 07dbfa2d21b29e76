# expect: clean
"""Taken twice and released twice."""

import threading

lock = threading.RLock()


def work():
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
with lock:
    pass
