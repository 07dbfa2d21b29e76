# expect: clean
"""A plain semaphore has no upper bound: a permit more than taken is no error."""

import threading

permits = threading.Semaphore(1)
with permits:
    pass
permits.release()
permits.acquire()
permits.acquire()
