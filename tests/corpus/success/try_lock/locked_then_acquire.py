# expect: clean
"""The visitor tries and goes away when somebody has the lock for ever."""

import threading

lock = threading.Lock()


def keep():
    lock.acquire()


def visit():
    if lock.acquire(blocking=False):
        lock.release()


threads = [threading.Thread(target=visit, name="visitor"), threading.Thread(target=keep, name="keeper")]
for thread in threads:
    thread.start()
    thread.join()
