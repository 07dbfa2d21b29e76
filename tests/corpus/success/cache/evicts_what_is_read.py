# expect: clean
"""A cache of one whose reads and writes each hold its lock."""

import threading

lock = threading.Lock()
cache = {"old": 1}


def read(key):
    with lock:
        if key in cache:
            return cache[key]
    return None


def write(key, value):
    with lock:
        for other in list(cache):
            del cache[other]
        cache[key] = value


threads = [
    threading.Thread(target=read, args=("old",), name="read"),
    threading.Thread(target=write, args=("new", 2), name="write"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert cache == {"new": 2}
