# expect: E002,R001
"""Low and high are set one after the other, and a reader sees them between."""

import threading


class Range:
    def __init__(self):
        self.low, self.high = 0, 10


bounds = Range()


def move():
    bounds.low = 20
    bounds.high = 30


def check():
    low = bounds.low
    high = bounds.high
    assert low <= high


threads = [threading.Thread(target=move, name="move"), threading.Thread(target=check, name="check")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
