# expect: D006
"""__del__ takes the registry's lock and runs under it, because the last reference goes away there."""

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
        alive[name] = None


alive["ann"] = Session("ann")
thread = threading.Thread(target=log_out, args=("ann",), name="log-out")
thread.start()
thread.join()
