# expect: clean
"""The other list is copied before the own lock is taken."""

import threading


class SafeList:
    def __init__(self, *items):
        self.items = list(items)
        self.lock = threading.RLock()

    def snapshot(self):
        with self.lock:
            return list(self.items)

    def extend(self, other):
        items = other.snapshot()
        with self.lock:
            self.items += items


a, b = SafeList(1), SafeList(2)
threads = [threading.Thread(target=a.extend, args=(b,)), threading.Thread(target=b.extend, args=(a,))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
