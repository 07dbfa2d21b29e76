# expect: R002
"""Two threads count requests in an attribute without a lock."""

import threading


class Statistics:
    def __init__(self):
        self.requests = 0


statistics = Statistics()


def serve():
    statistics.requests += 1


threads = [threading.Thread(target=serve) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
