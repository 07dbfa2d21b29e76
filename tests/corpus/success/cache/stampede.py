# expect: clean
"""A lock for each key: the second miss waits for the first and finds the answer."""

import threading

lock = threading.Lock()
locks = {}
cache = {}
computed = []


def lookup(key):
    with lock:
        mine = locks.setdefault(key, threading.Lock())
    with mine:
        if key not in cache:
            computed.append(key)
            cache[key] = key.upper()
        return cache[key]


threads = [threading.Thread(target=lookup, args=("tea",), name=f"request-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(computed) == 1
