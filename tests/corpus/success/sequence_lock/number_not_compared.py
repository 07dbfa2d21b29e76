# expect: clean
# notes: 3
"""A sequence lock's reader compares the number before with the number after."""

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
    before = sequence
    pair = left, right
    if sequence == before and before % 2 == 0:
        assert pair[0] == pair[1]


threads = [threading.Thread(target=write, name="writer"), threading.Thread(target=read, name="reader")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
