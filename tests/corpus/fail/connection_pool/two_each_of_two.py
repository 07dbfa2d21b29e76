# expect: D003
"""Each request borrows two connections, one after the other, from a pool of two."""

import queue
import threading

free = queue.Queue()
free.put("one")
free.put("two")


def copy():
    source = free.get()
    target = free.get()
    free.put(source)
    free.put(target)


threads = [threading.Thread(target=copy, name=f"copy-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
