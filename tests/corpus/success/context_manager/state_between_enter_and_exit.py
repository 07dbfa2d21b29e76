# expect: clean
"""The level is a thread's own."""

import threading
from contextlib import contextmanager

own = threading.local()


@contextmanager
def verbose():
    before = getattr(own, "level", "info")
    own.level = "debug"
    try:
        yield
    finally:
        own.level = before


def work():
    with verbose():
        assert own.level == "debug"


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
