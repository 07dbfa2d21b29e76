# expect: clean
"""One consumer needs no loop around wait(): whoever woke it has put an item there and nobody else takes it."""

import threading

changed = threading.Condition()
items = []


def consume():
    with changed:
        if not items:
            changed.wait()
        items.pop()


def produce():
    with changed:
        items.append("item")
        changed.notify()


threads = [threading.Thread(target=consume, name="consumer"), threading.Thread(target=produce, name="producer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
