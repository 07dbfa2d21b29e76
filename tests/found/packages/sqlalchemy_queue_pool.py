# package: SQLAlchemy==2.1.9
# expect: clean
# options: --instrument sqlalchemy.pool
"""Two threads take a connection from a QueuePool of one connection with an overflow of one, and give it back; the
connections are stand-ins. No connection is ever with both threads."""

import threading

from sqlalchemy.pool import QueuePool

using = set()


class Connection:
    def rollback(self):
        pass

    def commit(self):
        pass

    def close(self):
        pass


pool = QueuePool(Connection, pool_size=1, max_overflow=1, timeout=5)


def query():
    connection = pool.connect()
    held = id(connection.dbapi_connection)
    assert held not in using, "one connection is with two threads"
    using.add(held)
    using.discard(held)
    connection.close()


threads = [threading.Thread(target=query, name=f"query-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert pool.checkedout() == 0
