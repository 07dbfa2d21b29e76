# expect: E001
"""The event is set before the result is stored under the lock."""

import threading

lock = threading.Lock()
done = threading.Event()
results = {}


def compute():
    done.set()
    with lock:
        results["answer"] = 42


def show():
    done.wait()
    with lock:
        return results["answer"]


threads = [threading.Thread(target=compute, name="compute"), threading.Thread(target=show, name="show")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
