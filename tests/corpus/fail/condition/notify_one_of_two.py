# expect: D003
# twin: condition/notify_all
"""Two wait for the same change and only one is woken."""

import threading

changed = threading.Condition()
ready = False


def waiter():
    with changed:
        while not ready:
            changed.wait()


threads = [threading.Thread(target=waiter, name=f"waiter-{number}") for number in range(2)]
for thread in threads:
    thread.start()
with changed:
    ready = True
    changed.notify()
for thread in threads:
    thread.join()
