# expect: R002
"""A semaphore of two lets two threads into code that is only for one."""

import threading

permits = threading.Semaphore(2)
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
