# expect: D003
"""A home-made barrier resets its count when it opens: a fast thread comes round again before a slow one has left."""

import threading


class Barrier:
    def __init__(self, parties):
        self.parties = parties
        self.count = 0
        self.changed = threading.Condition()

    def wait(self):
        with self.changed:
            self.count += 1
            if self.count == self.parties:
                self.changed.notify_all()
            while self.count < self.parties:
                self.changed.wait()
        with self.changed:
            self.count = 0


barrier = Barrier(2)


def run():
    barrier.wait()
    barrier.wait()


threads = [threading.Thread(target=run, name=f"runner-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
