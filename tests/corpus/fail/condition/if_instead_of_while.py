# expect: E001,R003
"""Two consumers are woken for one item, and the second takes it for granted."""

import threading

changed = threading.Condition()
items = []


def consume():
    with changed:
        if not items:
            changed.wait()
        items.pop()


def produce():
    for item in range(2):
        with changed:
            items.append(item)
            changed.notify_all()


threads = [threading.Thread(target=consume, name=f"consumer-{number}") for number in range(2)]
threads.append(threading.Thread(target=produce, name="producer"))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
