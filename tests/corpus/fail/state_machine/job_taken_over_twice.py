# expect: E002,R003
"""A lost worker's job is taken over by two others, who look for it and mark it in two sections."""

import threading

lock = threading.Lock()
owner = {"job": None}
runs = []


def take_over(me):
    with lock:
        free = owner["job"] is None
    if free:
        with lock:
            owner["job"] = me
        runs.append(me)


threads = [threading.Thread(target=take_over, args=(me,), name=me) for me in ("left", "right")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(runs) == 1
