# expect: clean
"""Both forks are taken in one visit to the monitor."""

import threading

table = threading.Condition()
free = [True, True]


def dine(seat):
    with table:
        while not (free[seat] and free[1 - seat]):
            table.wait()
        free[seat] = free[1 - seat] = False
    with table:
        free[seat] = free[1 - seat] = True
        table.notify_all()


threads = [threading.Thread(target=dine, args=(seat,), name=f"philosopher-{seat}") for seat in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
