# expect: clean
"""The timer is joined after the lock that its function needs was released."""

import threading

lock = threading.Lock()


def expire():
    with lock:
        pass


timer = threading.Timer(1, expire)
with lock:
    timer.start()
timer.join()
