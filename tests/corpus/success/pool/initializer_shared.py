# expect: clean
"""The pool's initializer gives each worker a connection of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

own = threading.local()


def connect():
    own.connection = threading.current_thread().name


def ask(number):
    return own.connection, number


with ThreadPoolExecutor(2, thread_name_prefix="pool", initializer=connect) as pool:
    answers = list(pool.map(ask, (1, 2)))
assert [number for _, number in answers] == [1, 2]
