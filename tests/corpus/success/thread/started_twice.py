# expect: clean
"""A new thread object is made for each run."""

import threading

for _ in range(2):
    thread = threading.Thread(target=int, name="worker")
    thread.start()
    thread.join()
