# with: cachelib==0.14.0
# without: cachelib==0.15.0
# expect: E002 R001
# options: --instrument cachelib
# mechanism: check-then-act: a cache says "added" to two threads for one key
# source: https://github.com/pallets-eco/cachelib/issues/446
"""Two threads add a value under one key; add() says whether the key was new. Up to 0.14.0, which has no lock and says
so, both may be told yes."""

import threading

from cachelib import SimpleCache

cache = SimpleCache()
added = []


def claim(name):
    if cache.add("owner", name):
        added.append(name)


threads = [threading.Thread(target=claim, args=(name,), name=name) for name in ("first", "second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(added) == 1, f"added by {' and '.join(added)}"
