# expect: D006
"""The base class calls a hook under its lock, and the subclass's hook calls back into the base class."""

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
