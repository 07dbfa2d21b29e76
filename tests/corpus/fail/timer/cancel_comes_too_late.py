# expect: E002
"""cancel() does not undo what the timer has done already."""

import threading

closed = threading.Event()
timer = threading.Timer(5, closed.set)
timer.start()
timer.cancel()
timer.join()
assert not closed.is_set()
