# expect: clean
"""A lost worker's job is taken over by the one who finds it first, in one section."""

import threading

lock = threading.Lock()
owner = {"job": None}
runs = []


def take_over(me):
    with lock:
        free = owner["job"] is None
        if free:
            owner["job"] = me
    if free:
        runs.append(me)


threads = [threading.Thread(target=take_over, args=(me,), name=me) for me in ("left", "right")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(runs) == 1
