# with: fasteners==0.17.2
# without: fasteners==0.17.3
# expect: D003
# mechanism: a reader-writer lock makes its own writer wait behind a pending one
# source: https://github.com/harlowja/fasteners/issues/86
"""A thread that holds the write lock takes the read lock too, which is allowed, while a second thread waits for the
write lock. From 0.16 to 0.17.2 the first waits until no writer is pending, and the second waits for the first."""

import threading

import fasteners

lock = fasteners.ReaderWriterLock()


def write_and_read():
    with lock.write_lock(), lock.read_lock():
        pass


def write():
    with lock.write_lock():
        pass


threads = [threading.Thread(target=write_and_read, name="first"), threading.Thread(target=write, name="second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
