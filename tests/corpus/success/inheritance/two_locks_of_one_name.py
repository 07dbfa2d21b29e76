# expect: clean
"""The subclass uses the base class's lock, which has one underscore."""

import threading


class Store:
    def __init__(self):
        self._lock = threading.Lock()
        self.size = 0

    def grow(self):
        with self._lock:
            self.size += 1


class BigStore(Store):
    def shrink(self):
        with self._lock:
            self.size -= 1


store = BigStore()
threads = [threading.Thread(target=store.grow, name="grow"), threading.Thread(target=store.shrink, name="shrink")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert store.size == 0
