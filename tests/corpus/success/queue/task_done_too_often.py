# expect: clean
"""task_done() is called once for each job, in finally."""

import queue
import threading

jobs = queue.Queue()
jobs.put("job")


def work():
    jobs.get()
    try:
        pass
    finally:
        jobs.task_done()


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.join()
thread.join()
