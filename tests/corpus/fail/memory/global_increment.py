# expect: R002,E002
"""A global counter is read, and written back a line later."""

import threading

count = 0


def work():
    global count
    now = count
    count = now + 1


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert count == 2, count
