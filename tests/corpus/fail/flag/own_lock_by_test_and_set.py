# expect: R002,E002
# bound: a thread that polls
"""A home-made lock tests the flag and then sets it, and both threads get in."""

import threading

busy = False
inside = 0
most = []


def work():
    global busy, inside
    while busy:
        pass
    busy = True
    inside += 1
    most.append(inside)
    inside -= 1
    busy = False


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert max(most) == 1
