# expect: clean
# notes: 1
"""Two threads take a job and do without when there is none."""

import threading

jobs = ["job"]


def take():
    try:
        return jobs.pop()
    except IndexError:
        return None


threads = [threading.Thread(target=take, name=f"taker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert jobs == []
