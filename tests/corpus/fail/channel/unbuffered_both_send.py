# expect: D003
"""Two threads exchange values over unbuffered channels, and both send first."""

import queue
import threading


class Channel:
    def __init__(self):
        self.items = queue.Queue(1)
        self.taken = queue.Queue(1)

    def send(self, value):
        self.items.put(value)
        self.taken.get()

    def receive(self):
        value = self.items.get()
        self.taken.put(True)
        return value


left, right = Channel(), Channel()


def exchange(mine, other):
    mine.send("hello")
    other.receive()


threads = [
    threading.Thread(target=exchange, args=(left, right), name="left"),
    threading.Thread(target=exchange, args=(right, left), name="right"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
