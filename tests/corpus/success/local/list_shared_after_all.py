# expect: clean
"""The local's constructor runs once in each thread and makes a buffer for it."""

import threading


class Context(threading.local):
    def __init__(self):
        self.own = [0]

    def add(self, value):
        self.own[0] = value
        return self.own[0]


context = Context()


def work(value):
    assert context.add(value) == value


threads = [threading.Thread(target=work, args=(value,)) for value in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
