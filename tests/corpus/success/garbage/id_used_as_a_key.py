# expect: clean
"""Short-lived lists of two threads may have the same id, one after the other, and share nothing."""

import threading


def work(number):
    for _ in range(3):
        rows = [number]
        rows[0] += 1
        assert rows[0] == number + 1
        del rows


threads = [threading.Thread(target=work, args=(number,), name=f"worker-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
