# expect: clean
"""Two threads append under one lock; the order is free."""

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
assert sorted(items) == ["a", "b"]
