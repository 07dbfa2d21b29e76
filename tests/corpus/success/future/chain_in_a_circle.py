# expect: clean
"""A chain of futures with a beginning."""

import threading
from concurrent.futures import Future

one, two, three = Future(), Future(), Future()


def compute(mine, other):
    mine.set_result(other.result() + 1)


threads = [
    threading.Thread(target=compute, args=(two, one), name="two"),
    threading.Thread(target=compute, args=(three, two), name="three"),
]
for thread in threads:
    thread.start()
one.set_result(1)
assert three.result() == 3
for thread in threads:
    thread.join()
