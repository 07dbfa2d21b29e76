# expect: R002
"""The largest value seen is kept by comparing and then storing."""

import threading

largest = 0


def see(value):
    global largest
    if value > largest:
        largest = value


threads = [threading.Thread(target=see, args=(value,)) for value in (3, 8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
