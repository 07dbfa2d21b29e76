# expect: clean
"""All have read before anybody writes, since they meet in between."""

import threading

barrier = threading.Barrier(2)
cells = [1, 2]
sums = [0, 0]


def step(me):
    sums[me] = cells[0] + cells[1]
    barrier.wait()
    cells[me] = 10


threads = [threading.Thread(target=step, args=(me,), name=f"cell-{me}") for me in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sums == [3, 3]
