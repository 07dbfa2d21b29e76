# expect: E002
"""A vote that is sent again after a time-out is counted twice, and two candidates win."""

import queue
import threading

inboxes = {"a": queue.Queue(), "b": queue.Queue()}
leaders = []
lock = threading.Lock()


def candidate(name):
    votes = 1
    while inboxes[name].get() is not None:
        votes += 1
    if votes >= 2:
        with lock:
            leaders.append(name)


def voter():
    inboxes["a"].put("vote of c")
    inboxes["a"].put(None)


def retry():
    inboxes["b"].put("vote of c")
    inboxes["b"].put(None)


threads = [threading.Thread(target=candidate, args=(name,), name=f"candidate-{name}") for name in "ab"]
threads += [threading.Thread(target=voter, name="voter"), threading.Thread(target=retry, name="retry")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(leaders) <= 1
