# expect: D003
# twin: queue/join_with_task_done
"""Queue.join, and nobody calls task_done."""

import queue
import threading

work = queue.Queue()


def worker():
    work.get()


threading.Thread(target=worker, daemon=True).start()
work.put("job")
work.join()
