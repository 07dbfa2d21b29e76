# expect: E002
"""A stack is taken for a queue: with a slow reader the second job comes out first."""

import queue
import threading

jobs = queue.LifoQueue()
done = []


def work():
    for _ in range(2):
        done.append(jobs.get())


thread = threading.Thread(target=work, name="worker")
thread.start()
jobs.put(1)
jobs.put(2)
thread.join()
assert done == [1, 2]
