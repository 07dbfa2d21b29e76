# expect: clean
"""A thread-safe iterator: the class counts under its own lock."""

import threading


class Tickets:
    def __init__(self):
        self.last = 0
        self.lock = threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            self.last += 1
            return self.last


tickets = Tickets()
threads = [threading.Thread(target=next, args=(tickets,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert tickets.last == 2
