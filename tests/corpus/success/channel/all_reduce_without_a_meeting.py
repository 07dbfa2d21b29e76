# expect: clean
"""Ranks meet at a barrier between adding their gradients and reading the sum."""

import threading

lock = threading.Lock()
met = threading.Barrier(2)
total = [0]
sums = [None, None]


def rank(me, gradient):
    with lock:
        total[0] += gradient
    met.wait()
    sums[me] = total[0]


threads = [threading.Thread(target=rank, args=(me, gradient), name=f"rank-{me}") for me, gradient in ((0, 1), (1, 2))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sums == [3, 3]
