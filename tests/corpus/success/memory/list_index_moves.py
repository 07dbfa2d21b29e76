# expect: clean
# notes: 1
"""One thread looks at the last item by index -1, in one step."""

import threading

rows = ["a", "b"]


def shorten():
    rows.pop()


def last():
    return rows[-1]


threads = [threading.Thread(target=shorten, name="shorten"), threading.Thread(target=last, name="last")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
