# expect: E002,R001
# bound: a thread that polls
"""The flag is raised before the data is there, and the spinning reader finds nothing."""

import threading

data = None
ready = False


def produce():
    global data, ready
    ready = True
    data = 42


def consume():
    while not ready:
        pass
    assert data == 42


threads = [threading.Thread(target=produce, name="producer"), threading.Thread(target=consume, name="consumer")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
