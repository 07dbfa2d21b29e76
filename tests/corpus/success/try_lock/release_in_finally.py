# expect: clean
"""release() in finally, after the lock was got."""

import threading

lock = threading.Lock()


def attempt():
    if not lock.acquire(blocking=False):
        return
    try:
        pass
    finally:
        lock.release()


threads = [threading.Thread(target=attempt, name=f"attempt-{number}") for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
