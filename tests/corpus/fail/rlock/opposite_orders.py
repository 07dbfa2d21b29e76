# expect: D001
"""Re-entrant locks deadlock between threads as others do."""

import threading

first, second = threading.RLock(), threading.RLock()


def forwards():
    with first, first, second:
        pass


def backwards():
    with second, first:
        pass


threads = [threading.Thread(target=forwards), threading.Thread(target=backwards)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
