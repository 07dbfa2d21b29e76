# expect: clean
# notes: 1
"""Low and high are one tuple, which is replaced in one step."""

import threading


class Range:
    def __init__(self):
        self.bounds = (0, 10)


bounds = Range()


def move():
    bounds.bounds = (20, 30)


def check():
    low, high = bounds.bounds
    assert low <= high


threads = [threading.Thread(target=move, name="move"), threading.Thread(target=check, name="check")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
