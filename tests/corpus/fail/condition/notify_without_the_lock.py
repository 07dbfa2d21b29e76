# expect: E001
"""notify() outside the lock is an error in Python."""

import threading

changed = threading.Condition()
changed.notify()
