# expect: clean
"""A generator that is closed gives the lock back."""

import contextlib
import threading

lock = threading.Lock()
rows = ["a", "b"]


def scan():
    with lock:
        yield from rows


def first():
    with contextlib.closing(scan()) as cursor:
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
