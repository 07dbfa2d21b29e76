# expect: D006
"""A decorator locks a function with a plain lock, and the function is recursive."""

import functools
import threading


def synchronised(function):
    lock = threading.Lock()

    @functools.wraps(function)
    def wrapper(*arguments):
        with lock:
            return function(*arguments)

    return wrapper


@synchronised
def factorial(number):
    return 1 if number < 2 else number * factorial(number - 1)


factorial(3)
