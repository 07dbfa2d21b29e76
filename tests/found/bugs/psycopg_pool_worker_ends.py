# with: psycopg-pool==3.3.2 psycopg==3.3.9 psycopg-binary==3.3.9
# without: psycopg-pool==3.3.3 psycopg==3.3.9 psycopg-binary==3.3.9
# expect: E001
# mechanism: a long time-out stands for "wait for ever", and nobody handles its end
# source: https://github.com/psycopg/psycopg/issues/1419
"""A pool is opened and closed. Up to 3.3.2 its worker waits a day for a task, and then ends with queue.Empty: in the
explored world time-outs are choices, so no day has to pass."""

import psycopg_pool


class Connection:
    @classmethod
    def connect(cls, *args, **kwargs):
        return cls()

    def close(self):
        pass


pool = psycopg_pool.ConnectionPool(
    "", name="pool", connection_class=Connection, min_size=0, max_size=1, num_workers=1, open=False
)
pool.open()
pool.close()
