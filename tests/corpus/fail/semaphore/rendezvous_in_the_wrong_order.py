# expect: D003
"""Two threads that meet both wait for the other before they announce themselves."""

import threading

here, there = threading.Semaphore(0), threading.Semaphore(0)


def meet(mine, other):
    other.acquire()
    mine.release()


threads = [
    threading.Thread(target=meet, args=(here, there), name="here"),
    threading.Thread(target=meet, args=(there, here), name="there"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
