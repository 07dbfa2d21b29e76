# expect: E001,R001
"""A session's timer deletes it while a request is using it."""

import threading

sessions = {"ann": "cart"}
timer = threading.Timer(30, lambda: sessions.pop("ann"))
timer.start()
if "ann" in sessions:
    cart = sessions["ann"]
timer.join()
