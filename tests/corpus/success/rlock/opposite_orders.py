# expect: clean
"""Re-entrant locks taken in one order, once more than needed by one of the two."""

import threading

first, second = threading.RLock(), threading.RLock()


def once():
    with first, second:
        pass


def twice():
    with first, first, second, first:
        pass


threads = [threading.Thread(target=once), threading.Thread(target=twice)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
