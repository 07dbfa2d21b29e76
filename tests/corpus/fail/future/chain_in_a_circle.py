# expect: D003
"""Each of two tasks waits for the other one's future."""

import threading
from concurrent.futures import Future

one, two = Future(), Future()


def compute(mine, other):
    mine.set_result(other.result() + 1)


threads = [
    threading.Thread(target=compute, args=(one, two), name="one"),
    threading.Thread(target=compute, args=(two, one), name="two"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
