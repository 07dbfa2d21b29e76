# expect: D003
"""A pipeline of three stages, whose middle stage does not pass the end mark on when it has filtered something out."""

import queue
import threading

raw, clean = queue.Queue(), queue.Queue()
END = None


def read():
    for item in ("a", "", END):
        raw.put(item)


def scrub():
    while True:
        item = raw.get()
        if not item:
            return
        clean.put(item)


def write():
    while clean.get() is not END:
        pass


threads = [threading.Thread(target=stage, name=stage.__name__) for stage in (read, scrub, write)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
