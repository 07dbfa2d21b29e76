# expect: D001
"""Two threads join each other."""

import threading

threads = []
started = threading.Event()


def work(other):
    started.wait()
    threads[other].join()


threads += [threading.Thread(target=work, args=(other,), name=f"joins-{other}") for other in (1, 0)]
for thread in threads:
    thread.start()
started.set()
for thread in threads:
    thread.join()
