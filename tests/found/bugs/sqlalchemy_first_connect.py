# with: SQLAlchemy==1.4.10
# without: SQLAlchemy==1.4.11
# expect: E002 R001
# mechanism: initialization at first use: the second thread does not wait until the first has finished it
# source: https://github.com/sqlalchemy/sqlalchemy/issues/6337
"""Two threads open the first two connections of one engine; the database is a stand-in. In 1.4 up to 1.4.10 the second
gets its connection while the first still asks the server what it can do."""

import threading

from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool


class Cursor:
    description = None

    def execute(self, *args):
        pass

    def fetchone(self):
        return None

    def close(self):
        pass


class Connection:
    def cursor(self):
        return Cursor()

    def create_function(self, *args, **kwargs):
        pass

    def rollback(self):
        pass

    def commit(self):
        pass

    def close(self):
        pass


engine = create_engine("sqlite://", creator=Connection, poolclass=QueuePool, pool_size=2)
asking = threading.Lock()


def initialize(connection):
    with asking:  # stands for the round trip that asks for the server's version
        engine.dialect.server_version_info = (3, 0)


engine.dialect.server_version_info = None
engine.dialect.initialize = initialize


def query():
    with engine.connect():
        assert engine.dialect.server_version_info is not None, "the dialect is used before it is ready"


threads = [threading.Thread(target=query, name=f"query-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
