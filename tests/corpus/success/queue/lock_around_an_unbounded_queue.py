# expect: clean
# bound: --max-executions
"""A lock around an unbounded queue: nobody blocks with the lock, but the consumer looks again and again."""

import queue
import threading

lock = threading.Lock()
items = queue.Queue()
got = []


def produce():
    with lock:
        items.put("item")


def consume():
    while not got:
        with lock:
            if not items.empty():
                got.append(items.get())


threads = [threading.Thread(target=produce, name="producer"), threading.Thread(target=consume, name="consumer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
