# package: cacheout==0.17.0
# expect: clean
# options: --instrument cacheout
"""Two threads set and get keys of a small cacheout Cache, which has to evict."""

import threading

from cacheout import Cache

cache = Cache(maxsize=1)


def work(number):
    cache.set(number, number)
    assert cache.get(number) in (None, number)


threads = [threading.Thread(target=work, args=(number,), name=f"worker-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(cache) == 1
