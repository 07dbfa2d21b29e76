# expect: D004
# twin: condition/tested_under_the_lock
"""The flag is tested before the lock is taken: the notify may come in between."""

import threading

changed = threading.Condition()
flag = threading.Event()


def waiter():
    if not flag.is_set():
        with changed:
            changed.wait()


def signaller():
    flag.set()
    with changed:
        changed.notify()


threads = [threading.Thread(target=waiter, name="waiter"), threading.Thread(target=signaller, name="signaller")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
