# expect: R001
"""Ranks add their gradients into one list and read the sum before all have added."""

import threading

lock = threading.Lock()
total = [0]
sums = [None, None]


def rank(me, gradient):
    with lock:
        total[0] += gradient
    sums[me] = total[0]


threads = [threading.Thread(target=rank, args=(me, gradient), name=f"rank-{me}") for me, gradient in ((0, 1), (1, 2))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
