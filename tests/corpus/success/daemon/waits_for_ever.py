# expect: clean
"""A daemon thread may wait for ever; the interpreter ends it."""

import queue
import threading

threading.Thread(target=queue.Queue().get, daemon=True).start()
