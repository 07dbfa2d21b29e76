# expect: clean
"""The gate is held until both locks are taken."""

import threading

gate, a, b = threading.Lock(), threading.Lock(), threading.Lock()


def take(one, other):
    with gate:
        one.acquire()
        other.acquire()
    other.release()
    one.release()


threads = [
    threading.Thread(target=take, args=(a, b), name="first"),
    threading.Thread(target=take, args=(b, a), name="second"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
