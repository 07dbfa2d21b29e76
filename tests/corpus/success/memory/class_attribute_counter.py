# expect: clean
"""Instances are counted in the class under a lock of the class."""

import threading


class Session:
    alive = 0
    lock = threading.Lock()

    def __init__(self):
        with Session.lock:
            Session.alive += 1


threads = [threading.Thread(target=Session) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert Session.alive == 2
