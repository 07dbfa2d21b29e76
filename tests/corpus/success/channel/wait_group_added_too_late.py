# expect: clean
"""A wait group by hand: the one who starts the goroutines adds them."""

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
    results[item] = item * 10
    group.done()


for item in (1, 2):
    group.add()
    threading.Thread(target=infer, args=(item,), name=f"go-{item}").start()
group.wait()
assert len(results) == 2
