# expect: clean
"""An exception inside with gives the lock back."""

import threading

lock = threading.Lock()
orders = {"paid": 3}


def ship(key):
    try:
        with lock:
            return orders[key]
    except KeyError:
        return 0


threads = [threading.Thread(target=ship, args=(key,), name=f"ship-{key}") for key in ("paid", "lost", "paid")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
