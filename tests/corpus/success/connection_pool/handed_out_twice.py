# expect: clean
"""A pool gives out its connections from a queue."""

import queue
import threading


class Connection:
    def __init__(self):
        self.users = 0


free = queue.Queue()
for _ in range(2):
    free.put(Connection())


def work():
    connection = free.get()
    connection.users += 1
    assert connection.users == 1
    connection.users -= 1
    free.put(connection)


threads = [threading.Thread(target=work, name=f"client-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
