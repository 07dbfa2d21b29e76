# expect: R002
"""Two attributes are swapped by two threads."""

import threading


class Pair:
    def __init__(self):
        self.left, self.right = "left", "right"


def swap(pair):
    pair.left, pair.right = pair.right, pair.left


pair = Pair()
threads = [threading.Thread(target=swap, args=(pair,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
