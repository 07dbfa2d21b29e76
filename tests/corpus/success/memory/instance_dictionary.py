# expect: clean
# notes: 1
"""Attributes are read through the instance's __dict__ by two threads."""

import threading


class Bag:
    def __init__(self):
        self.size = 1


sizes = []


def look(bag):
    sizes.append(bag.__dict__["size"])


bag = Bag()
threads = [threading.Thread(target=look, args=(bag,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sizes == [1, 1]
