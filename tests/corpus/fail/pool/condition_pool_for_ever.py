# expect: D003
"""A pool written as in C++: the workers loop for ever on a condition and the main thread joins them."""

import threading

changed = threading.Condition()
jobs = [1]
done = []


def worker():
    while True:
        with changed:
            while not jobs:
                changed.wait()
            job = jobs.pop()
        done.append(job)


threads = [threading.Thread(target=worker, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
