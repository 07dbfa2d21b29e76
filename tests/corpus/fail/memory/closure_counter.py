# expect: R002
"""A ticket machine keeps its last number in a closure."""

import threading


def machine():
    last = 0

    def draw():
        nonlocal last
        last += 1
        return last

    return draw


draw = machine()
threads = [threading.Thread(target=draw) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
