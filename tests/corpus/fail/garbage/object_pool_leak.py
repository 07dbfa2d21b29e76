# expect: D003
"""Objects of a pool are given back by those who finish, and one task forgets it when it has nothing to do."""

import queue
import threading

pool = queue.Queue()
pool.put(bytearray(8))


def task(data):
    buffer = pool.get()
    if not data:
        return
    buffer[: len(data)] = data
    pool.put(buffer)


threads = [threading.Thread(target=task, args=(data,), name=f"task-{len(data)}") for data in (b"", b"ab")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
