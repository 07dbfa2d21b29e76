# expect: clean
# notes: 1
"""Owner and thief take from the two ends of a deque and do without when it is empty."""

import threading
from collections import deque

tasks = deque(["task"])
done = threading.Semaphore(0)


def take(take_one):
    try:
        take_one()
        done.release()
    except IndexError:
        pass


threads = [
    threading.Thread(target=take, args=(lambda: tasks.pop(),), name="owner"),
    threading.Thread(target=take, args=(lambda: tasks.popleft(),), name="thief"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not tasks
