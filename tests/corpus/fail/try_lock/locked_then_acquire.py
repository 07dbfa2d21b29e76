# expect: D003
"""locked() says that nobody has the lock, and a moment later somebody has, for ever."""

import threading

lock = threading.Lock()


def keep():
    lock.acquire()


def visit():
    if not lock.locked():
        with lock:
            pass


threads = [threading.Thread(target=keep, name="keeper"), threading.Thread(target=visit, name="visitor")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
