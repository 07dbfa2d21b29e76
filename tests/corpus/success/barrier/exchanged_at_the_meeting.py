# expect: clean
"""Both write before the barrier and read the other's entry after it, who came last, too: not even an unordered access."""

import threading

barrier = threading.Barrier(2)
written = [0, 0]
sums = [0, 0]


def exchange(number):
    written[number] = number + 1
    barrier.wait()
    sums[number] = sum(written)


threads = [threading.Thread(target=exchange, args=(number,), name=f"side-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sums == [3, 3]
