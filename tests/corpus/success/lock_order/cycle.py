# expect: clean
"""A then B in both threads."""

import threading

a, b = threading.Lock(), threading.Lock()


def first():
    with a:
        with b:
            pass


def second():
    with a:
        with b:
            pass


threads = [threading.Thread(target=first, name="first"), threading.Thread(target=second, name="second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
