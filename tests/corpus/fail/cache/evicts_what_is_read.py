# expect: E001,R001
"""A cache of one throws out the entry that another thread has just found."""

import threading

cache = {"old": 1}


def read(key):
    if key in cache:
        return cache[key]
    return None


def write(key, value):
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
