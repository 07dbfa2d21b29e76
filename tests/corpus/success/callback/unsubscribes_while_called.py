# expect: clean
"""Listeners are gone through in a tuple that is replaced under the lock: copy on write."""

import threading

lock = threading.Lock()
listeners = ("log", "mail")


def post():
    with lock:
        now = listeners
    for name in now:
        str(name)


def sign_off():
    global listeners
    with lock:
        listeners = tuple(name for name in listeners if name != "mail")


threads = [threading.Thread(target=post, name="post"), threading.Thread(target=sign_off, name="sign-off")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
