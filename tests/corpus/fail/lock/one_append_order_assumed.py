# expect: E002
# twin: lock/both_append_orders
"""Two threads append under one lock, and one order is taken for granted."""

import threading

lock = threading.Lock()
items = []


def append(item):
    with lock:
        items.append(item)


threads = [threading.Thread(target=append, args=(item,)) for item in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert items == ["a", "b"]
