# expect: D003
"""Two threads hand the turn over by one event each, and both begin by waiting."""

import threading

ping, pong = threading.Event(), threading.Event()


def play(mine, other):
    mine.wait()
    mine.clear()
    other.set()


threads = [
    threading.Thread(target=play, args=(ping, pong), name="ping"),
    threading.Thread(target=play, args=(pong, ping), name="pong"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
