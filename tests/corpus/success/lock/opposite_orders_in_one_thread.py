# expect: clean
"""Both orders in one thread: nobody to wait for."""

import threading

first, second = threading.Lock(), threading.Lock()
with first, second:
    pass
with second, first:
    pass
