# expect: E001
"""A thread object is started again for a second run."""

import threading

thread = threading.Thread(target=int, name="worker")
for _ in range(2):
    thread.start()
    thread.join()
