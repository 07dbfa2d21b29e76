# package: readerwriterlock==1.0.10
# expect: clean
# options: --instrument readerwriterlock
"""A reader and a writer behind a fair reader-writer lock: the reader never sees half of a change."""

import threading

from readerwriterlock import rwlock

lock = rwlock.RWLockFair()
account = {"from": 10, "to": 0}


def move():
    with lock.gen_wlock():
        account["from"] -= 5
        account["to"] += 5


def look():
    with lock.gen_rlock():
        assert account["from"] + account["to"] == 10


threads = [threading.Thread(target=move, name="writer"), threading.Thread(target=look, name="reader")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
