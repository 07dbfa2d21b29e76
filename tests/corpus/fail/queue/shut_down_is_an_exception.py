# expect: E001
# python: 3.13
"""shutdown() ends the worker's get() with an exception that nobody expects."""

import queue
import threading

jobs = queue.Queue()


def work():
    while True:
        jobs.get()


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.put("job")
jobs.shutdown()
thread.join()
