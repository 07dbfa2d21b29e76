# with: psycopg-pool==3.3.0 psycopg==3.3.9 psycopg-binary==3.3.9
# without: psycopg-pool==3.3.1 psycopg==3.3.9 psycopg-binary==3.3.9
# expect: E002
# options: --instrument psycopg_pool.base,psycopg_pool.pool
# mechanism: check-then-act: a lock made on demand is made twice
# source: https://github.com/psycopg/psycopg/issues/1300
"""Two threads open one pool. In 3.3.0 each may make the pool's lock, and then both are inside and start workers. 3.3.1
makes it in __init__."""

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


class Pool(psycopg_pool.ConnectionPool):
    @classmethod
    def worker(cls, q):
        """There is nothing to do in the background here."""


pool = Pool("", connection_class=Connection, min_size=0, max_size=1, num_workers=1, open=False)
threads = [threading.Thread(target=pool.open, name=f"opener-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
