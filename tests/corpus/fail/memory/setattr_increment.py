# expect: R002
"""The counter is named by a string."""

import threading


class Gauge:
    def __init__(self):
        self.up = 0
        self.down = 0


def bump(gauge, name):
    setattr(gauge, name, getattr(gauge, name) + 1)


gauge = Gauge()
threads = [threading.Thread(target=bump, args=(gauge, "up")) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
