# package: psycopg-pool==3.3.3 psycopg==3.3.9 psycopg-binary==3.3.9
# expect: bounded
"""Two threads take the only connection of a psycopg_pool ConnectionPool; the connection is a stand-in."""

import threading

import psycopg_pool
from psycopg.pq import TransactionStatus


class Server:
    transaction_status = TransactionStatus.IDLE


class Connection:
    def __init__(self):
        self.pgconn = Server()
        self.closed = False
        self._pool = None

    @classmethod
    def connect(cls, *args, **kwargs):
        return cls()

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


using = []
pool = psycopg_pool.ConnectionPool("", connection_class=Connection, min_size=1, max_size=1, num_workers=1, open=False)
pool.open()


def query():
    with pool.connection() as connection:
        using.append(connection)
        assert len(using) == 1, "one connection is with two threads"
        using.remove(connection)


threads = [threading.Thread(target=query, name=f"query-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
pool.close()
