# expect: clean
"""Two wait for the same change and both are woken."""

import threading

changed = threading.Condition()
ready = False


def waiter():
    with changed:
        changed.wait_for(lambda: ready)


threads = [threading.Thread(target=waiter) for _ in range(2)]
for thread in threads:
    thread.start()
with changed:
    ready = True
    changed.notify_all()
for thread in threads:
    thread.join()
