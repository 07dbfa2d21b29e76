# expect: clean
"""The fast and the slow source look and answer under one lock."""

import threading
from concurrent.futures import Future

lock = threading.Lock()
answer = Future()


def give(value):
    with lock:
        if not answer.done():
            answer.set_result(value)


threads = [threading.Thread(target=give, args=(value,), name=value) for value in ("fast", "slow")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert answer.result() in ("fast", "slow")
