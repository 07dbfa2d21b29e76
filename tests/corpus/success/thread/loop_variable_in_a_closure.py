# expect: clean
# notes: 1
"""The loop's variable is passed as a default."""

import threading

seen = []
threads = []


def start():
    for number in range(2):
        thread = threading.Thread(target=lambda mine=number: seen.append(mine))
        threads.append(thread)
        thread.start()


start()
for thread in threads:
    thread.join()
assert sorted(seen) == [0, 1]
