# expect: clean
"""The pool has a stop flag, raised under the lock, and the notify comes after the lock is free."""

import threading

lock = threading.Lock()
changed = threading.Condition(lock)
jobs = [1]
done = []
stopped = False


def worker():
    while True:
        with changed:
            while not jobs and not stopped:
                changed.wait()
            if not jobs:
                return
            job = jobs.pop()
        done.append(job)


threads = [threading.Thread(target=worker, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
with changed:
    stopped = True
    changed.notify_all()
for thread in threads:
    thread.join()
assert done == [1]
