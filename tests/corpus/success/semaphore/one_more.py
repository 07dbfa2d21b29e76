# expect: clean
"""The same with three permits: one of the two always gets its second."""

import threading

permits = threading.Semaphore(3)


def both():
    permits.acquire()
    permits.acquire()
    permits.release()
    permits.release()


threads = [threading.Thread(target=both) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
