# expect: D001
"""Three philosophers with re-entrant forks are no better off."""

import threading

forks = [threading.RLock() for _ in range(3)]
eaten = [0, 0, 0]


def dine(seat):
    with forks[seat]:
        with forks[(seat + 1) % 3]:
            eaten[seat] += 1


threads = [threading.Thread(target=dine, args=(seat,), name=f"philosopher-{seat}") for seat in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
