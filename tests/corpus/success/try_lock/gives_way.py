# expect: clean
"""Opposite orders, but one of the two only tries and gives up."""

import threading

first, second = threading.Lock(), threading.Lock()


def forwards():
    with first, second:
        pass


def backwards():
    with second:
        if first.acquire(blocking=False):
            first.release()


threads = [threading.Thread(target=forwards), threading.Thread(target=backwards)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
