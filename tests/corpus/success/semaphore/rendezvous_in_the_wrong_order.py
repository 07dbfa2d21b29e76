# expect: clean
"""Two threads that meet announce themselves and then wait for the other."""

import threading

here, there = threading.Semaphore(0), threading.Semaphore(0)


def meet(mine, other):
    mine.release()
    other.acquire()


threads = [
    threading.Thread(target=meet, args=(here, there), name="here"),
    threading.Thread(target=meet, args=(there, here), name="there"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
