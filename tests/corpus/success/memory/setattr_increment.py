# expect: clean
"""The counters are named by strings, a different one for each thread."""

import threading


class Gauge:
    def __init__(self):
        self.up = 0
        self.down = 0


def bump(gauge, name):
    setattr(gauge, name, getattr(gauge, name) + 1)


gauge = Gauge()
threads = [threading.Thread(target=bump, args=(gauge, name)) for name in ("up", "down")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert (gauge.up, gauge.down) == (1, 1)
