# expect: clean
"""The thread lets go of the second lock before it waits for the change."""

import threading

registry = threading.Lock()
changed = threading.Condition()
ready = False


def waiter():
    with registry:
        pass
    with changed:
        while not ready:
            changed.wait()


def signaller():
    global ready
    with registry:
        with changed:
            ready = True
            changed.notify()


threads = [threading.Thread(target=waiter, name="waiter"), threading.Thread(target=signaller, name="signaller")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
