# expect: clean
"""The main thread waits until the daemon has written all lines."""

import queue
import threading

lines = queue.Queue()
written = []


def write():
    while True:
        written.append(lines.get())
        lines.task_done()


threading.Thread(target=write, name="writer", daemon=True).start()
lines.put("last words")
lines.join()
assert written == ["last words"]
