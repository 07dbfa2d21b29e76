# expect: clean
"""Each worker puts the sentinel back for the next one."""

import queue
import threading

jobs = queue.Queue()


def work():
    while jobs.get() is not None:
        pass
    jobs.put(None)


threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
jobs.put(None)
for thread in threads:
    thread.join()
