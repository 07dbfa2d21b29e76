# expect: D005
"""A task maps over its own pool and waits for the answers."""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1, thread_name_prefix="pool")


def pages(book):
    return list(pool.map(len, [book, book]))


with pool:
    pool.submit(pages, "tale").result()
