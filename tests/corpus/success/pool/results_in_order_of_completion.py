# expect: clean
"""map() gives the results in the order of the arguments."""

from concurrent.futures import ThreadPoolExecutor


def square(number):
    return number * number


with ThreadPoolExecutor(2) as pool:
    assert list(pool.map(square, (2, 3))) == [4, 9]
