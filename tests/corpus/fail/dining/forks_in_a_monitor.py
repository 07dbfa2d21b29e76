# expect: D003
"""Forks are flags in a monitor, taken one by one, each with a wait of its own."""

import threading

table = threading.Condition()
free = [True, True]


def take(fork):
    with table:
        while not free[fork]:
            table.wait()
        free[fork] = False


def put(fork):
    with table:
        free[fork] = True
        table.notify_all()


def dine(seat):
    take(seat)
    take(1 - seat)
    put(seat)
    put(1 - seat)


threads = [threading.Thread(target=dine, args=(seat,), name=f"philosopher-{seat}") for seat in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
