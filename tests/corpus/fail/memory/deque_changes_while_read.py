# expect: E001,R001
"""The last requests are shown while one more comes in."""

import threading
from collections import deque

latest = deque(["/"], maxlen=3)


def request():
    latest.append("/index")


def show():
    return [path.upper() for path in latest]


threads = [threading.Thread(target=request, name="request"), threading.Thread(target=show, name="show")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
