# expect: E001
"""The fast and the slow source both see that there is no answer yet and both give one."""

import threading
from concurrent.futures import Future

answer = Future()


def give(value):
    if not answer.done():
        answer.set_result(value)


threads = [threading.Thread(target=give, args=(value,), name=value) for value in ("fast", "slow")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
