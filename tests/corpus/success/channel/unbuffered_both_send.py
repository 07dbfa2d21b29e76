# expect: clean
"""Two threads exchange values over unbuffered channels: one sends first, the other receives first."""

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


def first():
    left.send("hello")
    right.receive()


def second():
    left.receive()
    right.send("hello")


threads = [threading.Thread(target=first, name="left"), threading.Thread(target=second, name="right")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
