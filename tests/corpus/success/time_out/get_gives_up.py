# expect: clean
"""get(timeout) on a queue that may stay empty."""

import queue
import threading
from contextlib import suppress

items = queue.Queue()
thread = threading.Thread(target=items.put, args=("item",))
thread.start()
with suppress(queue.Empty):
    assert items.get(timeout=1) == "item"
thread.join()
