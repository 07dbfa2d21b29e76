# expect: D003,E001
"""A computation fails in its thread, and its future stays without an answer."""

import threading
from concurrent.futures import Future

answer = Future()


def compute():
    answer.set_result(1 // len(""))


threading.Thread(target=compute, name="compute").start()
answer.result()
