# expect: R002
"""An iterator class counts by itself and is shared by two threads."""

import threading


class Tickets:
    def __init__(self):
        self.last = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.last += 1
        return self.last


tickets = Tickets()
threads = [threading.Thread(target=next, args=(tickets,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
