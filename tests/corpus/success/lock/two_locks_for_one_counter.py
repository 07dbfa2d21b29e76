# expect: clean
"""One lock made beforehand protects the counter."""

import threading

total = 0
lock = threading.Lock()


def add():
    global total
    with lock:
        total += 1


threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert total == 2
