# expect: R002
"""The base class locks, and the subclass's faster method does not."""

import threading


class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def add(self):
        with self.lock:
            self.value += 1


class FastCounter(Counter):
    def add_many(self, number):
        self.value += number


counter = FastCounter()
threads = [threading.Thread(target=counter.add), threading.Thread(target=counter.add_many, args=(5,))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
