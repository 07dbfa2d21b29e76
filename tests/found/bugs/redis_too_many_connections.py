# with: redis==3.3.11
# without: redis==3.4.0
# expect: E002 R002
# options: --instrument redis
# mechanism: check-then-act: a pool makes more connections than it may
# source: https://github.com/redis/redis-py/pull/1270
"""Two threads take a connection from a pool of at most one. One of them must be refused; before 3.4.0, which has a lock,
both may find that none was made yet."""

import threading

import redis
from redis.connection import Connection as RealConnection


class Connection(RealConnection):
    def connect(self):
        pass

    def disconnect(self):
        pass

    def can_read(self, timeout=0):
        return False


pool = redis.ConnectionPool(connection_class=Connection, max_connections=1)
taken = []
refused = []


def command():
    try:
        taken.append(pool.get_connection("GET"))
    except redis.ConnectionError:
        refused.append(1)


threads = [threading.Thread(target=command, name=f"command-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(taken) == 1, "two connections are in use, and the pool may make one"
