# expect: E001,R002
"""Owner and thief each see one task in the deque and both take it."""

import threading
from collections import deque

tasks = deque(["task"])


def own():
    if len(tasks) > 0:
        tasks.pop()


def steal():
    if len(tasks) > 0:
        tasks.popleft()


threads = [threading.Thread(target=own, name="owner"), threading.Thread(target=steal, name="thief")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
