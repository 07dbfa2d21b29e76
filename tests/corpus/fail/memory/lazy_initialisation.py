# expect: R002,E002
"""Two threads both find no connection and make one each."""

import threading

connection = None
made = []


def connect():
    global connection
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
