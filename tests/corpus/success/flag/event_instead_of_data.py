# expect: clean
"""The event is set after the result is stored, and no lock is needed."""

import threading

done = threading.Event()
results = {}


def compute():
    results["answer"] = 42
    done.set()


def show():
    done.wait()
    return results["answer"]


threads = [threading.Thread(target=compute, name="compute"), threading.Thread(target=show, name="show")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
