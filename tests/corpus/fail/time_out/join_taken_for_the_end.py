# expect: E002,R001
"""join(timeout) may come back while the thread is still running."""

import threading

total = 0


def add():
    global total
    for amount in (1, 2):
        total += amount


thread = threading.Thread(target=add, name="adder")
thread.start()
thread.join(timeout=1)
assert total == 3
