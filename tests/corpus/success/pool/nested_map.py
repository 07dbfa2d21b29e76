# expect: clean
"""A task maps over a second pool."""

from concurrent.futures import ThreadPoolExecutor

books, chapters = ThreadPoolExecutor(1), ThreadPoolExecutor(1)


def pages(book):
    return list(chapters.map(len, [book]))


with chapters, books:
    assert books.submit(pages, "tale").result() == [4]
