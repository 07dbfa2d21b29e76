# expect: clean
"""A reader that wants to write lets go of its read lock first and looks again."""

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

    def acquire_write(self):
        self.changed.acquire()
        while self.readers > 0:
            self.changed.wait()


lock = ReadWriteLock()


def read_and_write():
    lock.acquire_read()
    lock.release_read()
    lock.acquire_write()
    lock.changed.release()


threads = [threading.Thread(target=read_and_write, name=f"upgrader-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
