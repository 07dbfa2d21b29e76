# package: pymemcache==4.0.0
# expect: clean
# options: --instrument pymemcache
"""Two threads take an object from an ObjectPool of two and give it back."""

import threading

from pymemcache.pool import ObjectPool


class Client:
    pass


pool = ObjectPool(Client, max_size=2)
using = set()


def work():
    with pool.get_and_release() as client:
        assert id(client) not in using, "one client is with two threads"
        using.add(id(client))
        using.discard(id(client))


threads = [threading.Thread(target=work, name=f"worker-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
