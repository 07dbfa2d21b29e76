# expect: clean
"""A buffer of one with one lock and a condition for each side."""

import threading

lock = threading.Lock()
not_full = threading.Condition(lock)
not_empty = threading.Condition(lock)
buffer = []


def put():
    with lock:
        while len(buffer) == 1:
            not_full.wait()
        buffer.append("item")
        not_empty.notify()


def get():
    with lock:
        while not buffer:
            not_empty.wait()
        buffer.pop()
        not_full.notify()


threads = [threading.Thread(target=get, name=f"getter-{number}") for number in range(2)]
threads += [threading.Thread(target=put, name=f"putter-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
