# expect: R001
"""Each phase is written after the barrier and read before the next one without a second meeting."""

import threading

barrier = threading.Barrier(2)
cells = [1, 2]
sums = [0, 0]


def step(me):
    barrier.wait()
    sums[me] = cells[0] + cells[1]
    cells[me] = 10


threads = [threading.Thread(target=step, args=(me,), name=f"cell-{me}") for me in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
