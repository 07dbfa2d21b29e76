# expect: R002
"""The lock of a key is made by whoever finds none, so two threads may get two locks."""

import threading

locks = {}
stock = {"tea": 0}


def add(key):
    if key not in locks:
        locks[key] = threading.Lock()
    with locks[key]:
        stock[key] += 1


threads = [threading.Thread(target=add, args=("tea",), name=f"add-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
