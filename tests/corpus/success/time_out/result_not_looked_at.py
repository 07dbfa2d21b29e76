# expect: clean
"""acquire(timeout) may fail, and the lock is given back only when it did not."""

import threading

lock = threading.Lock()


def hold():
    with lock:
        pass


thread = threading.Thread(target=hold)
thread.start()
if lock.acquire(timeout=1):
    lock.release()
thread.join()
