# expect: E002,R001
"""One side reads the other's entry before it has come to the barrier."""

import threading

barrier = threading.Barrier(2)
written = [0, 0]
sums = [0, 0]


def exchange(number):
    written[number] = number + 1
    if number:
        barrier.wait()
        sums[number] = sum(written)
    else:
        sums[number] = sum(written)
        barrier.wait()


threads = [threading.Thread(target=exchange, args=(number,), name=f"side-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sums == [3, 3]
