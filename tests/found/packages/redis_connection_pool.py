# package: redis==8.1.0
# expect: clean
# options: --instrument redis.connection
"""Two threads share a ConnectionPool with at most two connections, which are stand-ins. Neither is refused, and no
connection is ever with both."""

import threading

import redis

using = set()


class Connection(redis.Connection):
    def connect(self):
        pass

    def disconnect(self, *args, **kwargs):
        pass

    def can_read(self, timeout=0):
        return False

    def should_reconnect(self):
        return False


pool = redis.ConnectionPool(connection_class=Connection, max_connections=2)


def command():
    connection = pool.get_connection()
    assert id(connection) not in using, "one connection is with two threads"
    using.add(id(connection))
    using.discard(id(connection))
    pool.release(connection)


threads = [threading.Thread(target=command, name=f"command-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
