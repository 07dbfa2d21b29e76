# expect: clean
# python: 3.13
"""shutdown() ends the worker, after all jobs are done."""

import queue
import threading

jobs = queue.Queue()
done = []


def work():
    try:
        while True:
            done.append(jobs.get())
    except queue.ShutDown:
        pass


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.put("job")
jobs.shutdown()
thread.join()
assert done == ["job"]
