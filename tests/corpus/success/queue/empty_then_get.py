# expect: clean
"""Two workers take what is there without waiting."""

import queue
import threading

jobs = queue.Queue()
jobs.put("job")


def work():
    try:
        jobs.get_nowait()
    except queue.Empty:
        pass


threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
