# expect: clean
"""A point with slots is replaced, not moved: the threads return new ones."""

import threading


class Point:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


def moved(point, by, results, place):
    results[place] = Point(point.x + by)


origin = Point(0)
results = [None, None]
threads = [threading.Thread(target=moved, args=(origin, by, results, place)) for place, by in enumerate((1, 10))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(point.x for point in results) == [1, 10]
