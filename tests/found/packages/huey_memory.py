# package: huey==3.5.4
# expect: clean
"""A consumer with one worker thread executes a task from the in-memory storage, and the caller waits for its result."""

import threading

from huey import MemoryHuey

huey = MemoryHuey()


@huey.task()
def add(first, second):
    return first + second


def work():
    huey.execute(huey.dequeue())


result = add(2, 3)
worker = threading.Thread(target=work, name="worker")
worker.start()
assert result.get(blocking=True, timeout=60) == 5
worker.join()
