# expect: D003
"""An exception between acquire and release leaves the lock taken for ever."""

import threading

lock = threading.Lock()
orders = {"paid": 3}


def ship(key):
    lock.acquire()
    try:
        amount = orders[key]
    except KeyError:
        return 0
    lock.release()
    return amount


threads = [threading.Thread(target=ship, args=(key,), name=f"ship-{key}") for key in ("paid", "lost", "paid")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
