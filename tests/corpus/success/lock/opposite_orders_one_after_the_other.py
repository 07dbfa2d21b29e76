# expect: clean
"""Opposite orders, but the first thread has ended when the second starts."""

import threading

first, second = threading.Lock(), threading.Lock()


def forwards():
    with first, second:
        pass


def backwards():
    with second, first:
        pass


for work in (forwards, backwards):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
