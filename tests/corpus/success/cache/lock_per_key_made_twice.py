# expect: clean
# notes: 1
"""setdefault() makes the lock of a key known in one step."""

import threading

locks = {}
stock = {"tea": 0}


def add(key):
    with locks.setdefault(key, threading.Lock()):
        stock[key] += 1


threads = [threading.Thread(target=add, args=("tea",), name=f"add-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert stock == {"tea": 2}
