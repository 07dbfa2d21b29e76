# expect: D006
# twin: rlock/taken_twice
"""A method that takes the lock calls another one that takes it again."""

import threading


class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def add(self):
        with self.lock:
            self.value += 1

    def add_two(self):
        with self.lock:
            self.add()
            self.add()


Counter().add_two()
