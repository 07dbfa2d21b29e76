# expect: clean
"""Four philosophers, one of them left-handed."""

import threading

forks = [threading.Lock() for _ in range(4)]


def eat(one, other):
    with one, other:
        pass


threads = [threading.Thread(target=eat, args=(forks[seat], forks[seat + 1])) for seat in range(3)]
threads.append(threading.Thread(target=eat, args=(forks[0], forks[3])))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
