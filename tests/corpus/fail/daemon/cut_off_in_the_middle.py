# expect: E002
"""A daemon writes a log that the main thread takes to be complete."""

import queue
import threading

lines = queue.Queue()
written = []
lock = threading.Lock()


def write():
    while True:
        line = lines.get()
        with lock:
            written.append(line)


threading.Thread(target=write, name="writer", daemon=True).start()
lines.put("last words")
with lock:
    assert written == ["last words"]
