# expect: clean
"""The result is taken when wait(timeout) says that it is there."""

import threading

done = threading.Event()
result = []


def compute():
    result.append(42)
    done.set()


thread = threading.Thread(target=compute, name="compute")
thread.start()
if done.wait(timeout=5):
    assert result == [42]
thread.join()
