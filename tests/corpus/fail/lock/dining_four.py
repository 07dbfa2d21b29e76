# expect: D001
"""Four philosophers who all take the left fork first."""

import threading

forks = [threading.Lock() for _ in range(4)]


def eat(left, right):
    with left, right:
        pass


threads = [
    threading.Thread(target=eat, args=(forks[seat], forks[(seat + 1) % 4]), name=f"philosopher-{seat}")
    for seat in range(4)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
