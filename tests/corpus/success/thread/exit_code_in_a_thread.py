# expect: clean
"""A worker answers on its way out, whatever sys.exit() does."""

import queue
import sys
import threading

answers = queue.Queue()


def work():
    try:
        sys.exit(1)
    finally:
        answers.put("done")


threading.Thread(target=work, name="worker").start()
assert answers.get() == "done"
