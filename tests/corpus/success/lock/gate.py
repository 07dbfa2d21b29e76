# expect: clean
"""Opposite orders behind a gate lock cannot meet."""

import threading

gate, first, second = threading.Lock(), threading.Lock(), threading.Lock()


def forwards():
    with gate, first, second:
        pass


def backwards():
    with gate, second, first:
        pass


threads = [threading.Thread(target=forwards), threading.Thread(target=backwards)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
