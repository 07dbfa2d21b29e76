# expect: clean
"""A worker that starts threads itself."""

import threading

lock = threading.Lock()
done = []


def leaf(name):
    with lock:
        done.append(name)


def branch(name):
    threads = [threading.Thread(target=leaf, args=(f"{name}.{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


threads = [threading.Thread(target=branch, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(done) == ["a.0", "a.1", "b.0", "b.1"]
