# expect: clean
"""A decorator locks a recursive function with a re-entrant lock."""

import functools
import threading


def synchronised(function):
    lock = threading.RLock()

    @functools.wraps(function)
    def wrapper(*arguments):
        with lock:
            return function(*arguments)

    return wrapper


@synchronised
def factorial(number):
    return 1 if number < 2 else number * factorial(number - 1)


threads = [threading.Thread(target=factorial, args=(3,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
