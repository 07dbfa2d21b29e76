# expect: clean
"""The flag is tested and set under the condition's lock."""

import threading

changed = threading.Condition()
ready = False


def waiter():
    with changed:
        while not ready:
            changed.wait()


def signaller():
    global ready
    with changed:
        ready = True
        changed.notify()


threads = [threading.Thread(target=waiter), threading.Thread(target=signaller)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
