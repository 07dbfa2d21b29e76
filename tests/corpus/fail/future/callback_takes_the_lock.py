# expect: D006
"""A callback added to a future that is done runs at once, under the lock it takes itself."""

import threading
from concurrent.futures import Future

lock = threading.Lock()
answer = Future()
answer.set_result(1)
log = []


def note(future):
    with lock:
        log.append(future.result())


with lock:
    answer.add_done_callback(note)
