# package: persist-queue==1.1.0
# expect: clean
"""A producer and a consumer on a persistent FIFO in a temporary folder: the letter arrives."""

import tempfile
import threading

import persistqueue

with tempfile.TemporaryDirectory() as folder:
    queue = persistqueue.Queue(folder)
    got = []
    threads = [
        threading.Thread(target=queue.put, args=("letter",), name="producer"),
        threading.Thread(target=lambda: got.append(queue.get()), name="consumer"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["letter"]
