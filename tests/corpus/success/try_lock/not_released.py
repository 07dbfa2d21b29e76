# expect: clean
"""The lock taken by a successful try is given back."""

import threading

lock = threading.Lock()


def attempt():
    if lock.acquire(blocking=False):
        lock.release()


thread = threading.Thread(target=attempt, name="attempt")
thread.start()
thread.join()
with lock:
    pass
