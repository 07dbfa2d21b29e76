# expect: R002
"""Each thread locks, but with a lock of its own, so nothing protects the counter."""

import threading

total = 0


def add():
    global total
    lock = threading.Lock()
    with lock:
        total += 1


threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
