# expect: clean
"""A computation that fails says so in its future."""

import threading
from concurrent.futures import Future

answer = Future()


def compute():
    try:
        answer.set_result(1 // len(""))
    except ZeroDivisionError as error:
        answer.set_exception(error)


threading.Thread(target=compute, name="compute").start()
assert isinstance(answer.exception(), ZeroDivisionError)
