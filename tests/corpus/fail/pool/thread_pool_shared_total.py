# expect: R002
"""The workers of a thread pool add to one total without a lock."""

from multiprocessing.dummy import Pool

total = 0


def add(number):
    global total
    total += number


with Pool(2) as pool:
    pool.map(add, [1, 2])
