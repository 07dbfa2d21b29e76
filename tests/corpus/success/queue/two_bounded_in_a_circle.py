# expect: clean
"""Two stages feed each other through queues of two, which is as much as they put before they get."""

import queue
import threading

there, back = queue.Queue(2), queue.Queue(2)


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
