# expect: D003,E001,R002
"""A read-write lock by hand counts its readers without a lock of their own."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.readers = 0
        self.writing = threading.Lock()

    def acquire_read(self):
        self.readers += 1
        if self.readers == 1:
            self.writing.acquire()

    def release_read(self):
        self.readers -= 1
        if self.readers == 0:
            self.writing.release()


lock = ReadWriteLock()


def read():
    lock.acquire_read()
    lock.release_read()


threads = [threading.Thread(target=read, name=f"reader-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
