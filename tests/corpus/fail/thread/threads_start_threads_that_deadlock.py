# expect: D001
# twin: thread/threads_start_threads
"""The deadlock is between threads that a worker started."""

import threading

first, second = threading.Lock(), threading.Lock()


def leaf(one, other):
    with one, other:
        pass


def branch():
    threads = [
        threading.Thread(target=leaf, args=(first, second), name="forwards"),
        threading.Thread(target=leaf, args=(second, first), name="backwards"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


thread = threading.Thread(target=branch, name="branch")
thread.start()
thread.join()
