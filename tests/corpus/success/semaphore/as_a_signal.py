# expect: clean
# notes: 1
"""A semaphore that one thread only acquires and the other only releases: a signal, not a lock left held."""

import threading

ready = threading.Semaphore(0)
items = []


def produce() -> None:
    for number in range(2):
        items.append(number)
        ready.release()


producer = threading.Thread(target=produce, name="producer")
producer.start()
for _ in range(2):
    ready.acquire()
    items.pop()
producer.join()
