# expect: clean
"""Two threads take two locks in the same order."""

import threading

first, second = threading.Lock(), threading.Lock()


def both():
    with first, second:
        pass


threads = [threading.Thread(target=both) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
