# expect: R002,E002
"""A memoising decorator computes twice what two threads ask for at once."""

import functools
import threading

calls = []


def memoised(function):
    known = {}

    @functools.wraps(function)
    def wrapper(argument):
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
