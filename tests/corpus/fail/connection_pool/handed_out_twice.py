# expect: E002,R002
"""A pool looks for a free connection and marks it afterwards: two threads get the same one."""

import threading


class Connection:
    def __init__(self):
        self.busy = False
        self.users = 0


connections = [Connection(), Connection()]


def borrow():
    for connection in connections:
        if not connection.busy:
            connection.busy = True
            return connection
    return None


def work():
    connection = borrow()
    connection.users += 1
    assert connection.users == 1


threads = [threading.Thread(target=work, name=f"client-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
