# expect: clean
"""The reader makes a new buffer for each block."""

import queue
import threading

blocks = queue.Queue()


def read():
    for number in (1, 2):
        blocks.put([number])


def check():
    for number in (1, 2):
        block = blocks.get()
        assert block[0] == number


threads = [threading.Thread(target=read, name="read"), threading.Thread(target=check, name="check")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
