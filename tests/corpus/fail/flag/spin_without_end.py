# expect: L001
# bound: executions longer than 600 steps were cut off (--max-steps)
"""A thread spins on a flag that nobody ever raises."""

import threading
import time

ready = False


def wait():
    while not ready:
        time.sleep(0.01)


thread = threading.Thread(target=wait, name="waiter")
thread.start()
thread.join()
