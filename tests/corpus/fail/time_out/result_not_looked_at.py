# expect: E001
"""acquire(timeout) may fail, and then there is nothing to release."""

import threading

lock = threading.Lock()


def hold():
    with lock:
        pass


thread = threading.Thread(target=hold)
thread.start()
lock.acquire(timeout=1)
lock.release()
thread.join()
