# expect: clean
# notes: 1
"""The connection is looked for again under the lock: only one is made, and the first look is harmless."""

import threading

lock = threading.Lock()
connection = None
made = []


def connect():
    global connection
    if connection is None:
        with lock:
            if connection is None:
                made.append("connection")
                connection = made[-1]
    return connection


threads = [threading.Thread(target=connect) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(made) == 1
