# expect: D003
"""Taken twice and released once, a re-entrant lock stays with its thread, which ends."""

import threading

lock = threading.RLock()


def work():
    lock.acquire()
    lock.acquire()
    lock.release()


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
with lock:
    pass
