# expect: R002
"""A defaultdict makes the entry by itself but does not add in one step."""

import threading
from collections import defaultdict

hits = defaultdict(int)


def hit(page):
    hits[page] += 1


threads = [threading.Thread(target=hit, args=("/",)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
