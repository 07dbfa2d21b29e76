# expect: clean
"""notify() under the lock, with nobody waiting, does nothing."""

import threading

changed = threading.Condition()
with changed:
    changed.notify()
