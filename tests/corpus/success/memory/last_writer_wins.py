# expect: clean
# notes: 1
"""Two threads store the same answer: whichever comes last, it stays."""

import threading

best = None


def search(answer):
    global best
    best = answer


threads = [threading.Thread(target=search, args=(17,), name=f"search-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert best == 17
