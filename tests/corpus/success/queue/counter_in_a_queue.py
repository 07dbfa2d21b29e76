# expect: clean
"""A counter kept in a queue of one is put back by everyone who takes it out."""

import queue
import threading

cell = queue.Queue(1)
cell.put(0)


def add(amount):
    value = cell.get()
    cell.put(value + amount)


threads = [threading.Thread(target=add, args=(amount,), name=f"add {amount}") for amount in (1, 0, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert cell.get() == 3
