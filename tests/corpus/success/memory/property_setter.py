# expect: clean
"""The oven has a method that reads and sets under its lock."""

import threading


class Oven:
    def __init__(self):
        self._degrees = 20
        self._lock = threading.Lock()

    @property
    def degrees(self):
        with self._lock:
            return self._degrees

    def heat(self, by):
        with self._lock:
            self._degrees += by


oven = Oven()
threads = [threading.Thread(target=oven.heat, args=(10,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert oven.degrees == 40
