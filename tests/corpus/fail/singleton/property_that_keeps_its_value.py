# expect: E002,R002
"""A property that keeps what it computed computes twice when two threads ask at once."""

import threading

loads = []


class Config:
    def __init__(self):
        self.value = None

    @property
    def settings(self):
        if self.value is None:
            loads.append(1)
            self.value = {"port": 80}
        return self.value


config = Config()
threads = [threading.Thread(target=lambda: config.settings) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(loads) == 1
