# expect: clean
"""The same with a re-entrant lock."""

import threading


class Counter:
    def __init__(self):
        self.lock = threading.RLock()
        self.value = 0

    def add(self):
        with self.lock:
            self.value += 1

    def add_two(self):
        with self.lock:
            self.add()
            self.add()


counter = Counter()
threads = [threading.Thread(target=counter.add_two) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert counter.value == 4
