# expect: clean
# notes: 1
"""The same pool put right: the workers get their jobs themselves and call task_done()."""

import queue
import threading

jobs = queue.Queue()
done = []


def worker():
    while True:
        job = jobs.get()
        done.append(job * job)
        jobs.task_done()


for number in range(2):
    jobs.put(number)
threads = [threading.Thread(target=worker, daemon=True, name=f"worker-{number}") for number in range(2)]
for thread in threads:
    thread.start()
jobs.join()
assert sorted(done) == [0, 1]
