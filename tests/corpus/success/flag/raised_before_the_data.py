# expect: clean
# bound: a thread that polls
# notes: 2
"""The data is there before the flag is raised, which is enough on an interpreter with a global lock."""

import threading

data = None
ready = False


def produce():
    global data, ready
    data = 42
    ready = True


def consume():
    while not ready:
        pass
    assert data == 42


threads = [threading.Thread(target=produce, name="producer"), threading.Thread(target=consume, name="consumer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
