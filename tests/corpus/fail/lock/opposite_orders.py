# expect: D001
# twin: lock/one_order
"""Two threads take two locks in opposite orders."""

import threading

first, second = threading.Lock(), threading.Lock()


def forwards():
    with first, second:
        pass


def backwards():
    with second, first:
        pass


threads = [threading.Thread(target=forwards, name="forwards"), threading.Thread(target=backwards, name="backwards")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
