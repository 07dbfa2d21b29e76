# expect: D001
# twin: semaphore/one_more
"""Two threads take two permits each, one after the other, and there are two."""

import threading

permits = threading.Semaphore(2)


def both():
    permits.acquire()
    permits.acquire()
    permits.release()
    permits.release()


threads = [threading.Thread(target=both, name=f"taker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
