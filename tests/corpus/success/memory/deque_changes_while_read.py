# expect: clean
"""Two threads append to one deque, each in one step."""

import threading
from collections import deque

latest = deque(["/"], maxlen=3)
threads = [threading.Thread(target=latest.append, args=(path,)) for path in ("/index", "/help")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(latest) == ["/", "/help", "/index"]
