# expect: D003
"""A thread waits for a change and holds a second lock that the one who would signal needs first."""

import threading

registry = threading.Lock()
changed = threading.Condition()
ready = False


def waiter():
    with registry, changed:
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
