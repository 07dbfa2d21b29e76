# expect: E001,R001
"""One thread looks at the last item by its index while another one shortens the list."""

import threading

rows = ["a", "b"]


def shorten():
    rows.pop()


def last():
    return rows[len(rows) - 1]


threads = [threading.Thread(target=shorten, name="shorten"), threading.Thread(target=last, name="last")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
