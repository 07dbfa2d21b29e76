# expect: clean
"""One worker more than tasks that wait."""

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(2) as pool:

    def outer():
        return pool.submit(int).result()

    pool.submit(outer).result()
