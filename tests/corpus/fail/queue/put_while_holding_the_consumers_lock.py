# expect: D003
# twin: queue/put_and_get
"""put() on a full queue under the lock that the consumer needs."""

import queue
import threading

lock = threading.Lock()
items = queue.Queue(1)


def produce():
    for item in range(2):
        with lock:
            items.put(item)


def consume():
    for _ in range(2):
        with lock:
            items.get()


threads = [threading.Thread(target=produce, name="producer"), threading.Thread(target=consume, name="consumer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
