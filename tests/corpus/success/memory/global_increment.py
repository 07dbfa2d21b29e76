# expect: clean
"""The threads run one after the other, since each is joined before the next starts."""

import threading

count = 0


def work():
    global count
    now = count
    count = now + 1


for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
assert count == 2, count
