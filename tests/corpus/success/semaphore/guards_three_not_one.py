# expect: clean
"""A semaphore of one is as good as a lock."""

import threading

permits = threading.Semaphore(1)
total = 0


def add():
    global total
    with permits:
        total += 1


threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert total == 2
