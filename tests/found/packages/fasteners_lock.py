# package: fasteners==0.20
# expect: clean
# options: --instrument fasteners
"""A reader and a writer behind fasteners' ReaderWriterLock: the reader never sees half of a change."""

import threading

import fasteners

lock = fasteners.ReaderWriterLock()
account = {"from": 10, "to": 0}


def move():
    with lock.write_lock():
        account["from"] -= 5
        account["to"] += 5


def look():
    with lock.read_lock():
        assert account["from"] + account["to"] == 10


threads = [threading.Thread(target=move, name="writer"), threading.Thread(target=look, name="reader")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
