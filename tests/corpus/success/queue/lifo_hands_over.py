# expect: clean
"""Two producers fill a box each and put it on a stack; what is in a box was written before it was put."""

import queue
import threading

stack = queue.LifoQueue()


def produce(value):
    box = {}
    box["value"] = value
    stack.put(box)


threads = [threading.Thread(target=produce, args=(value,), name=f"producer-{value}") for value in (1, 2)]
for thread in threads:
    thread.start()
values = [stack.get()["value"] for _ in threads]
for thread in threads:
    thread.join()
assert sorted(values) == [1, 2]
