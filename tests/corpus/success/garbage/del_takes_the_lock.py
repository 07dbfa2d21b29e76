# expect: clean
"""The last reference goes away after the lock is free, so __del__ can take it."""

import threading

lock = threading.Lock()
alive = {}


class Session:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        with lock:
            pass


def log_out(name):
    with lock:
        session = alive.pop(name)
    del session


alive["ann"] = Session("ann")
thread = threading.Thread(target=log_out, args=("ann",), name="log-out")
thread.start()
thread.join()
