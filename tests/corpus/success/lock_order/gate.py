# expect: clean
"""The second of the four lock-order variants: both orders under a gate lock cannot meet."""

import threading

gate, a, b = threading.Lock(), threading.Lock(), threading.Lock()


def first():
    with gate:
        with a:
            with b:
                pass


def second():
    with gate:
        with b:
            with a:
                pass


threads = [threading.Thread(target=first, name="first"), threading.Thread(target=second, name="second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
