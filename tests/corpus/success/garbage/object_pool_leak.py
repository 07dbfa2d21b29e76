# expect: clean
"""Objects of a pool are given back whatever the task does."""

import queue
import threading

pool = queue.Queue()
pool.put(bytearray(8))


def task(data):
    buffer = pool.get()
    try:
        if data:
            buffer[: len(data)] = data
    finally:
        pool.put(buffer)


threads = [threading.Thread(target=task, args=(data,), name=f"task-{len(data)}") for data in (b"", b"ab")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
