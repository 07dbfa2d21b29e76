# expect: D003
"""sys.exit() in a worker ends only the worker, and the main thread waits for its answer for ever."""

import queue
import sys
import threading

answers = queue.Queue()


def work():
    if not answers.full():
        sys.exit(1)
    answers.put("done")


threading.Thread(target=work, name="worker").start()
answers.get()
