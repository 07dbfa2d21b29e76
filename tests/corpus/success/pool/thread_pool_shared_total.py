# expect: clean
"""The workers of a thread pool give their numbers back, and one thread adds them up."""

from multiprocessing.dummy import Pool


def number(value):
    return value


with Pool(2) as pool:
    total = sum(pool.map(number, [1, 2]))
assert total == 3
