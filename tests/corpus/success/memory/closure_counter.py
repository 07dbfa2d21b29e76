# expect: clean
# notes: 1
"""A ticket machine takes its numbers from itertools.count, which is one step."""

import itertools
import threading

numbers = itertools.count(1)
drawn = []


def draw():
    drawn.append(next(numbers))


threads = [threading.Thread(target=draw) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(drawn) == [1, 2]
