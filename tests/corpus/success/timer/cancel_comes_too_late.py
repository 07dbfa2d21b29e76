# expect: clean
"""A timer cancelled before it was started never fires."""

import threading

closed = threading.Event()
timer = threading.Timer(5, closed.set)
timer.cancel()
timer.start()
timer.join()
assert not closed.is_set()
