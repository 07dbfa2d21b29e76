# expect: D001
"""The gate is released before the second lock is taken, so it keeps nobody out."""

import threading

gate, a, b = threading.Lock(), threading.Lock(), threading.Lock()


def take(one, other):
    with gate:
        one.acquire()
    with other:
        pass
    one.release()


threads = [
    threading.Thread(target=take, args=(a, b), name="first"),
    threading.Thread(target=take, args=(b, a), name="second"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
