# expect: D004
"""A buffer of one with a single condition for both sides: notify() may wake a thread of the wrong side."""

import threading

changed = threading.Condition()
buffer = []


def put():
    with changed:
        while len(buffer) == 1:
            changed.wait()
        buffer.append("item")
        changed.notify()


def get():
    with changed:
        while not buffer:
            changed.wait()
        buffer.pop()
        changed.notify()


threads = [threading.Thread(target=get, name=f"getter-{number}") for number in range(2)]
threads += [threading.Thread(target=put, name=f"putter-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
