# expect: clean
"""A home-made barrier counts its rounds, and each thread waits for the end of its own."""

import threading


class Barrier:
    def __init__(self, parties):
        self.parties = parties
        self.count = 0
        self.round = 0
        self.changed = threading.Condition()

    def wait(self):
        with self.changed:
            mine = self.round
            self.count += 1
            if self.count == self.parties:
                self.count = 0
                self.round += 1
                self.changed.notify_all()
            while self.round == mine:
                self.changed.wait()


barrier = Barrier(2)


def run():
    barrier.wait()
    barrier.wait()


threads = [threading.Thread(target=run, name=f"runner-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
