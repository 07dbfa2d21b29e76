# expect: R002
"""Attributes are changed through the instance's __dict__."""

import threading


class Bag:
    def __init__(self):
        self.size = 0


def grow(bag):
    fields = vars(bag)
    fields["size"] = fields["size"] + 1


bag = Bag()
threads = [threading.Thread(target=grow, args=(bag,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
