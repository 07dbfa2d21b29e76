# expect: clean
# bound: a thread that polls
# notes: 1
"""A thread spins on a flag that the main thread raises."""

import threading
import time

ready = False


def wait():
    while not ready:
        time.sleep(0.01)


thread = threading.Thread(target=wait, name="waiter")
thread.start()
ready = True
thread.join()
