# expect: R002
"""A point with slots is moved by two threads."""

import threading


class Point:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


def move(point, by):
    point.x = point.x + by


point = Point(0)
threads = [threading.Thread(target=move, args=(point, by)) for by in (1, 10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
