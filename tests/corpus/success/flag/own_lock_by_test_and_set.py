# expect: clean
"""The flag is a lock that is only tried, and whoever does not get it does without."""

import threading

busy = threading.Lock()
done = []


def work():
    if busy.acquire(blocking=False):
        done.append(1)
        busy.release()


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert done
