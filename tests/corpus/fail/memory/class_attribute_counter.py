# expect: R002
"""Instances are counted in the class, by constructors that run in two threads."""

import threading


class Session:
    alive = 0

    def __init__(self):
        Session.alive += 1


threads = [threading.Thread(target=Session) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
