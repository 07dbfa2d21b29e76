# expect: E001
"""task_done() is called once in the loop and once more in finally."""

import queue
import threading

jobs = queue.Queue()
jobs.put("job")


def work():
    try:
        jobs.get()
        jobs.task_done()
    finally:
        jobs.task_done()


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
