# expect: R001
"""Two threads store what they found, and the later one stays."""

import threading

best = None


def search(answer):
    global best
    best = answer


threads = [threading.Thread(target=search, args=(answer,), name=f"search-{answer}") for answer in (17, 23)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
