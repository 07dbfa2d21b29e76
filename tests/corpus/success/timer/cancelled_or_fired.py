# expect: clean
"""A timer that is cancelled, before or after it fires."""

import threading

fired = threading.Event()
timer = threading.Timer(1, fired.set)
timer.start()
timer.cancel()
timer.join()
