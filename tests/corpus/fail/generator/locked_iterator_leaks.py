# expect: D003
"""A generator holds the lock while it is paused, and the one who iterates goes away in the middle."""

import threading

lock = threading.Lock()
rows = ["a", "b"]
pending = []


def scan():
    with lock:
        yield from rows


def first():
    cursor = scan()
    pending.append(cursor)
    next(cursor)


def add():
    with lock:
        rows.append("c")


reader = threading.Thread(target=first, name="reader")
reader.start()
reader.join()
writer = threading.Thread(target=add, name="writer")
writer.start()
writer.join()
