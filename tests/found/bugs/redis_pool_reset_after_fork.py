# with: redis==3.3.11
# without: redis==3.4.0
# expect: E002
# options: --instrument redis
# mechanism: the flag that says "ready" is written before the state it guards
# source: https://github.com/redis/redis-py/issues/1138
"""Two threads use a pool for the first time after a fork, which the pool notices by the process number. Before 3.4.0,
reset() writes the new number first, so that the second thread may take a connection from before the fork."""

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


pool = redis.ConnectionPool(connection_class=Connection)
before_the_fork = pool.get_connection("GET")
pool.release(before_the_fork)
pool.pid = -1  # stands for the fork: the process number is another one now


def command():
    assert pool.get_connection("GET") is not before_the_fork, "a connection of the parent process is used by the child"


threads = [threading.Thread(target=command, name=f"command-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
