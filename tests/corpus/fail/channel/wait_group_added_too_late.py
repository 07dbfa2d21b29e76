# expect: E002,R001
"""A wait group by hand: each goroutine adds itself when it starts, and wait() finds none."""

import threading


class WaitGroup:
    def __init__(self):
        self.changed = threading.Condition()
        self.count = 0

    def add(self):
        with self.changed:
            self.count += 1

    def done(self):
        with self.changed:
            self.count -= 1
            self.changed.notify_all()

    def wait(self):
        with self.changed:
            while self.count:
                self.changed.wait()


group = WaitGroup()
results = {}


def infer(item):
    group.add()
    results[item] = item * 10
    group.done()


for item in (1, 2):
    threading.Thread(target=infer, args=(item,), name=f"go-{item}").start()
group.wait()
assert len(results) == 2
