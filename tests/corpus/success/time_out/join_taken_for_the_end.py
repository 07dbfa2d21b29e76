# expect: clean
"""join(timeout) is asked again until the thread has ended."""

import threading

total = 0


def add():
    global total
    for amount in (1, 2):
        total += amount


thread = threading.Thread(target=add, name="adder")
thread.start()
thread.join(timeout=1)
if thread.is_alive():
    thread.join()
assert total == 3
