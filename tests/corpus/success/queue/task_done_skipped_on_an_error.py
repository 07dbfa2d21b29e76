# expect: clean
"""A job fails, and the worker notes it and calls task_done() all the same."""

import queue
import threading

jobs = queue.Queue()
errors = []


def work():
    while True:
        job = jobs.get()
        try:
            1 / job
        except ZeroDivisionError as error:
            errors.append(str(error))
        finally:
            jobs.task_done()


threading.Thread(target=work, name="worker", daemon=True).start()
jobs.put(1)
jobs.put(0)
jobs.join()
assert len(errors) == 1
