# package: DBUtils==3.2.0
# expect: clean
# options: --instrument dbutils
"""Two threads take a dedicated connection from a PooledDB of at most one, blocking; the database module is a stand-in."""

import threading

from dbutils.pooled_db import PooledDB

using = []


class Cursor:
    def execute(self, sql):
        pass

    def close(self):
        pass


class Connection:
    def cursor(self):
        return Cursor()

    def rollback(self):
        pass

    def close(self):
        pass


class Database:
    threadsafety = 2
    OperationalError = InterfaceError = InternalError = ConnectionError

    @staticmethod
    def connect():
        return Connection()


pool = PooledDB(Database, maxconnections=1, blocking=True)


def query():
    connection = pool.connection(shareable=False)
    using.append(connection)
    assert len(using) == 1
    using.remove(connection)
    connection.close()


threads = [threading.Thread(target=query, name=f"query-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
pool.close()
