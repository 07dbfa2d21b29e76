# package: cachetools==8.0.1
# expect: clean
# options: --instrument cachetools
"""Two threads call a function behind @cached with a lock and a condition: the second waits for the first, and the
function runs once for a key."""

import threading

from cachetools import LRUCache, cached

calls = []


@cached(LRUCache(2), condition=threading.Condition())
def price(item):
    calls.append(item)
    return len(item)


def ask():
    assert price("book") == 4


threads = [threading.Thread(target=ask, name=f"asker-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert calls == ["book"]
