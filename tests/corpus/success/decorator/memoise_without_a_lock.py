# expect: clean
"""A memoising decorator that looks and computes under a lock."""

import functools
import threading

calls = []


def memoised(function):
    known = {}
    lock = threading.Lock()

    @functools.wraps(function)
    def wrapper(argument):
        with lock:
            if argument not in known:
                known[argument] = function(argument)
            return known[argument]

    return wrapper


@memoised
def square(number):
    calls.append(number)
    return number * number


threads = [threading.Thread(target=square, args=(3,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(calls) == 1
