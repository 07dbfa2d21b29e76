# expect: clean
"""Each request borrows two connections under a lock, so that one request waits with none."""

import queue
import threading

lock = threading.Lock()
free = queue.Queue()
free.put("one")
free.put("two")


def copy():
    with lock:
        source = free.get()
        target = free.get()
    free.put(source)
    free.put(target)


threads = [threading.Thread(target=copy, name=f"copy-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
