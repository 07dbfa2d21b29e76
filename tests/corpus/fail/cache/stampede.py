# expect: E002,R003
"""Two misses of one key compute it twice: the cache's lock is let go in between."""

import threading

lock = threading.Lock()
cache = {}
computed = []


def lookup(key):
    with lock:
        found = cache.get(key)
    if found is None:
        computed.append(key)
        found = key.upper()
        with lock:
            cache[key] = found
    return found


threads = [threading.Thread(target=lookup, args=("tea",), name=f"request-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(computed) == 1
