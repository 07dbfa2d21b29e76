# expect: E001
"""The pool's initializer fails, and whoever waits for a result gets a broken pool."""

from concurrent.futures import ThreadPoolExecutor


def connect():
    raise ConnectionError("no database")


with ThreadPoolExecutor(1, initializer=connect) as pool:
    pool.submit(int).result()
