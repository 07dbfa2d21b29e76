# expect: clean
"""The fourth of the four lock-order variants: the second thread starts after the first was joined."""

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


one = threading.Thread(target=first, name="first")
one.start()
one.join()
other = threading.Thread(target=second, name="second")
other.start()
other.join()
