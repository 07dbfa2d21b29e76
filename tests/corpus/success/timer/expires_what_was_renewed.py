# expect: clean
"""A session is looked up and renewed under the lock that its timer takes to delete it."""

import threading

lock = threading.Lock()
sessions = {"ann": "cart"}


def expire():
    with lock:
        sessions.pop("ann")


timer = threading.Timer(30, expire)
timer.start()
with lock:
    if "ann" in sessions:
        cart = sessions["ann"]
timer.join()
assert not sessions
