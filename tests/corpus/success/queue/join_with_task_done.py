# expect: clean
"""Queue.join with task_done, and a daemon worker that then waits for ever."""

import queue
import threading

work = queue.Queue()


def worker():
    while True:
        work.get()
        work.task_done()


threading.Thread(target=worker, daemon=True).start()
work.put("job")
work.join()
