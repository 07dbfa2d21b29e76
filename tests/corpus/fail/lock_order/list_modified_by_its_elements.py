# expect: D001
"""a.extend(b) and b.extend(a) on lists that lock themselves and then their argument."""

import threading


class SafeList:
    def __init__(self, *items):
        self.items = list(items)
        self.lock = threading.RLock()

    def snapshot(self):
        with self.lock:
            return list(self.items)

    def extend(self, other):
        with self.lock:
            self.items += other.snapshot()


a, b = SafeList(1), SafeList(2)
threads = [threading.Thread(target=a.extend, args=(b,)), threading.Thread(target=b.extend, args=(a,))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
