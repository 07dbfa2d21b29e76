# expect: clean
# notes: 1
"""Whoever gets the handle closes it."""

import threading


class Connection:
    def __init__(self):
        self.handles = {"socket": 1}

    def close(self):
        return self.handles.pop("socket", None)


connection = Connection()
threads = [threading.Thread(target=connection.close, name=f"closer-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
