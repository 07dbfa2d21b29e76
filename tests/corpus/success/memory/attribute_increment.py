# expect: clean
"""Two threads count requests in an attribute, each in its own object."""

import threading


class Statistics:
    def __init__(self):
        self.requests = 0


def serve(statistics):
    statistics.requests += 1


own = [Statistics(), Statistics()]
threads = [threading.Thread(target=serve, args=(statistics,)) for statistics in own]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sum(statistics.requests for statistics in own) == 2
