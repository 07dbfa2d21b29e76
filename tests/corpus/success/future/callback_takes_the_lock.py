# expect: clean
"""A callback is added outside the lock it takes."""

import threading
from concurrent.futures import Future

lock = threading.Lock()
answer = Future()
answer.set_result(1)
log = []


def note(future):
    with lock:
        log.append(future.result())


answer.add_done_callback(note)
assert log == [1]
