# expect: R002
"""Two threads write records into one buffer at an offset they both move."""

import threading


class Buffer:
    def __init__(self):
        self.data = bytearray(4)
        self.used = 0

    def write(self, record):
        start = self.used
        self.used = start + len(record)
        for offset, byte in enumerate(record):
            self.data[start + offset] = byte


buffer = Buffer()
threads = [threading.Thread(target=buffer.write, args=(record,)) for record in (b"a", b"b")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
