# expect: R001
"""Two tasks write their results where the other one's index says."""

from concurrent.futures import ThreadPoolExecutor

results = {}


def square(number):
    place = len(results)
    results[place] = number * number


with ThreadPoolExecutor(2) as pool:
    for number in (2, 3):
        pool.submit(square, number)
