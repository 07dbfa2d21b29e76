# expect: clean
"""The lock is free when the thread is joined."""

import threading

lock = threading.Lock()


def work():
    with lock:
        pass


thread = threading.Thread(target=work, name="worker")
with lock:
    thread.start()
thread.join()
