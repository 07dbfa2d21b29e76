# expect: clean
"""The base class calls the hook after its lock is free."""

import threading


class Source:
    def __init__(self):
        self.lock = threading.Lock()
        self.values = []

    def push(self, value):
        with self.lock:
            self.values.append(value)
        self.changed()

    def latest(self):
        with self.lock:
            return self.values[-1]

    def changed(self):
        pass


class Printing(Source):
    def changed(self):
        self.text = str(self.latest())


Printing().push(1)
