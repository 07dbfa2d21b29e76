# expect: clean
"""Opposite orders with a time-out: somebody gives up."""

import threading

first, second = threading.Lock(), threading.Lock()


def forwards():
    with first:
        if second.acquire(timeout=1):
            second.release()


def backwards():
    with second:
        if first.acquire(timeout=1):
            first.release()


threads = [threading.Thread(target=forwards), threading.Thread(target=backwards)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
