# expect: D003
"""Two readers want to become writers, and each waits until the other one has stopped reading."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.changed = threading.Condition()
        self.readers = 0

    def acquire_read(self):
        with self.changed:
            self.readers += 1

    def release_read(self):
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def upgrade(self):
        self.changed.acquire()
        while self.readers > 1:
            self.changed.wait()


lock = ReadWriteLock()


def read_and_write():
    lock.acquire_read()
    lock.upgrade()
    lock.changed.release()
    lock.release_read()


threads = [threading.Thread(target=read_and_write, name=f"upgrader-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
