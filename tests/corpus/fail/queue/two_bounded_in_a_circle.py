# expect: D003
"""Two stages feed each other through queues of one, and both are full."""

import queue
import threading

there, back = queue.Queue(1), queue.Queue(1)


def stage(source, target):
    target.put("first")
    target.put("second")
    source.get()
    source.get()


threads = [
    threading.Thread(target=stage, args=(there, back), name="one"),
    threading.Thread(target=stage, args=(back, there), name="two"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
