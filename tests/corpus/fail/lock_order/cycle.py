# expect: D001
"""The first of the four lock-order variants: A then B against B then A, which can deadlock."""

import threading

a, b = threading.Lock(), threading.Lock()


def first():
    with a:
        with b:
            pass


def second():
    with b:
        with a:
            pass


threads = [threading.Thread(target=first, name="first"), threading.Thread(target=second, name="second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
