# expect: E001
"""A bounded semaphore is given back once too often."""

import threading

permits = threading.BoundedSemaphore(1)
with permits:
    pass
permits.release()
