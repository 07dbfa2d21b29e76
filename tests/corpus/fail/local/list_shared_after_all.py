# expect: E002,R001
"""The threads' own buffers are one list, given to the local's constructor."""

import threading


class Context(threading.local):
    shared = [0]

    def add(self, value):
        self.shared[0] = value
        return self.shared[0]


context = Context()


def work(value):
    assert context.add(value) == value


threads = [threading.Thread(target=work, args=(value,)) for value in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
