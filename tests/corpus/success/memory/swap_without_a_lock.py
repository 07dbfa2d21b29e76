# expect: clean
"""Two attributes are swapped by two threads under the pair's lock."""

import threading


class Pair:
    def __init__(self):
        self.left, self.right = "left", "right"
        self.lock = threading.Lock()


def swap(pair):
    with pair.lock:
        pair.left, pair.right = pair.right, pair.left


pair = Pair()
threads = [threading.Thread(target=swap, args=(pair,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert (pair.left, pair.right) == ("left", "right")
