# expect: E002,R001
"""A sequence lock's reader sees that nobody is writing now, but not that somebody has written in between."""

import threading

sequence = 0
left, right = 0, 0


def write():
    global sequence, left, right
    sequence += 1
    left = 1
    right = 1
    sequence += 1


def read():
    if sequence % 2 == 0:
        pair = left, right
        if sequence % 2 == 0:
            assert pair[0] == pair[1]


threads = [threading.Thread(target=write, name="writer"), threading.Thread(target=read, name="reader")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
