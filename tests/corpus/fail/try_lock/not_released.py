# expect: D003
"""The lock taken by a successful try is never given back."""

import threading

lock = threading.Lock()


def attempt():
    lock.acquire(blocking=False)


thread = threading.Thread(target=attempt, name="attempt")
thread.start()
thread.join()
with lock:
    pass
