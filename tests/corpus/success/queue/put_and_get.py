# expect: clean
"""A bounded queue needs no lock around it."""

import queue
import threading

items = queue.Queue(1)


def produce():
    for item in range(2):
        items.put(item)


def consume():
    for _ in range(2):
        items.get()


threads = [threading.Thread(target=produce), threading.Thread(target=consume)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
