# expect: clean
"""A read-write lock by hand: readers counted under a lock of their own, the first in takes the writers' lock."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.readers = 0
        self.counting = threading.Lock()
        self.writing = threading.Lock()

    def acquire_read(self):
        with self.counting:
            self.readers += 1
            if self.readers == 1:
                self.writing.acquire()

    def release_read(self):
        with self.counting:
            self.readers -= 1
            if self.readers == 0:
                self.writing.release()


lock = ReadWriteLock()
value = 0


def read():
    lock.acquire_read()
    seen = value
    lock.release_read()
    assert seen in (0, 1)


def write():
    global value
    with lock.writing:
        value += 1


threads = [threading.Thread(target=read, name=f"reader-{number}") for number in range(2)]
threads.append(threading.Thread(target=write, name="writer"))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
