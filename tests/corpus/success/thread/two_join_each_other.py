# expect: clean
"""The second thread joins the first, which joins nobody."""

import threading

threads = []
started = threading.Event()


def work(other):
    started.wait()
    if other is not None:
        threads[other].join()


threads += [threading.Thread(target=work, args=(other,), name=f"joins-{other}") for other in (None, 0)]
for thread in threads:
    thread.start()
started.set()
for thread in threads:
    thread.join()
