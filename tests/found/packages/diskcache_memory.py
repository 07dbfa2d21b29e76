# package: diskcache==5.6.3
# expect: clean
"""Two threads increment one key of a disk cache, each with a SQLite connection of its own: nothing is lost."""

import tempfile
import threading

from diskcache import Cache

with tempfile.TemporaryDirectory() as folder:
    cache = Cache(folder)
    threads = [threading.Thread(target=cache.incr, args=("visits",), name=f"visitor-{number}") for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache["visits"] == 2
    cache.close()
