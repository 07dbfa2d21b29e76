# expect: clean
"""A voter remembers for whom it has voted in this term."""

import queue
import threading

inboxes = {"a": queue.Queue(), "b": queue.Queue()}
leaders = []
lock = threading.Lock()
voted_for = None


def candidate(name):
    votes = 1
    while inboxes[name].get() is not None:
        votes += 1
    if votes >= 2:
        with lock:
            leaders.append(name)


def vote(name):
    global voted_for
    with lock:
        granted = voted_for in (None, name)
        if granted:
            voted_for = name
    if granted:
        inboxes[name].put("vote of c")
    inboxes[name].put(None)


threads = [threading.Thread(target=candidate, args=(name,), name=f"candidate-{name}") for name in "ab"]
threads += [threading.Thread(target=vote, args=(name,), name=f"request of {name}") for name in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(leaders) == 1
