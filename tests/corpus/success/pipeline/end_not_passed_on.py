# expect: clean
"""A pipeline of three stages, each of which passes the end mark on."""

import queue
import threading

raw, clean = queue.Queue(), queue.Queue()
END = None


def read():
    for item in ("a", "", END):
        raw.put(item)


def scrub():
    while (item := raw.get()) is not END:
        if item:
            clean.put(item)
    clean.put(END)


def write():
    while clean.get() is not END:
        pass


threads = [threading.Thread(target=stage, name=stage.__name__) for stage in (read, scrub, write)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
