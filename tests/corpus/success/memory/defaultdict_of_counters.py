# expect: clean
# notes: 1
"""Each page's hits are a list, and appending to it is one step."""

import threading

hits = {"/": [], "/help": []}


def hit(page):
    hits[page].append(1)


threads = [threading.Thread(target=hit, args=(page,)) for page in ("/", "/")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(hits["/"]) == 2
