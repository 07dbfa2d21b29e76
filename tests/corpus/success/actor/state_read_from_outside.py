# expect: clean
"""An actor's state is looked at when the actor has ended."""

import queue
import threading


class Counter(threading.Thread):
    def __init__(self):
        super().__init__(name="counter")
        self.inbox = queue.Queue()
        self.count = 0

    def run(self):
        while self.inbox.get() is not None:
            self.count += 1


counter = Counter()
counter.start()
counter.inbox.put("add")
counter.inbox.put(None)
counter.join()
assert counter.count == 1
