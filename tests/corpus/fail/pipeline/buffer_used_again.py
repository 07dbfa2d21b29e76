# expect: E002,R001
"""The reader puts its one buffer into the queue and fills it again at once."""

import queue
import threading

blocks = queue.Queue()


def read():
    buffer = [0]
    for number in (1, 2):
        buffer[0] = number
        blocks.put(buffer)


def check():
    for number in (1, 2):
        block = blocks.get()
        assert block[0] == number


threads = [threading.Thread(target=read, name="read"), threading.Thread(target=check, name="check")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
