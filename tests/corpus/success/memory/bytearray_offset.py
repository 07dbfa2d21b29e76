# expect: clean
"""Two threads write records into parts of one buffer that were given out before."""

import threading

data = bytearray(4)


def write(start, record):
    for offset, byte in enumerate(record):
        data[start + offset] = byte


threads = [threading.Thread(target=write, args=(start, record)) for start, record in ((0, b"a"), (2, b"b"))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert bytes(data) == b"a\0b\0"
