# expect: D001
"""A timer's function needs the lock that is held while the timer is joined."""

import threading

lock = threading.Lock()


def expire():
    with lock:
        pass


timer = threading.Timer(1, expire)
timer.name = "timer"
with lock:
    timer.start()
    timer.join()
