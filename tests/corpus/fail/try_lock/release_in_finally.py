# expect: E001
"""release() in finally, also when the try did not get the lock."""

import threading

lock = threading.Lock()


def attempt():
    try:
        if not lock.acquire(blocking=False):
            return
    finally:
        lock.release()


threads = [threading.Thread(target=attempt, name=f"attempt-{number}") for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
