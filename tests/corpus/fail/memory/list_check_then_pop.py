# expect: E001,R002
"""Two threads see one job in a list and both take it."""

import threading

jobs = ["job"]


def take():
    if jobs:
        return jobs.pop()
    return None


threads = [threading.Thread(target=take, name=f"taker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
