# package: filelock==4.2.11
# expect: bounded
"""Two threads enter a section behind one FileLock object, which is local to each thread: one waits for the other."""

import tempfile
import threading
from pathlib import Path

from filelock import FileLock

inside = []
with tempfile.TemporaryDirectory() as folder:

    def work():
        with FileLock(Path(folder, "lock"), poll_interval=1):
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    threads = [threading.Thread(target=work, name=f"worker-{number}") for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
