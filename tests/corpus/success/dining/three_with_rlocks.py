# expect: clean
"""Three philosophers, of whom only two may sit down at a time."""

import threading

forks = [threading.RLock() for _ in range(3)]
chairs = threading.Semaphore(2)
eaten = [0, 0, 0]


def dine(seat):
    with chairs, forks[seat], forks[(seat + 1) % 3]:
        eaten[seat] += 1


threads = [threading.Thread(target=dine, args=(seat,), name=f"philosopher-{seat}") for seat in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert eaten == [1, 1, 1]
