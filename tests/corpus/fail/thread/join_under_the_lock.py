# expect: D001
# twin: thread/join_outside_the_lock
"""A thread is joined by one that holds the lock it needs to end."""

import threading

lock = threading.Lock()


def work():
    with lock:
        pass


thread = threading.Thread(target=work, name="worker")
with lock:
    thread.start()
    thread.join()
