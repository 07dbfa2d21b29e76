# expect: E001,R001
"""Two threads both see an open file and both close it, and the second close is an error."""

import threading


class Connection:
    def __init__(self):
        self.state = "open"
        self.handle = ["socket"]

    def close(self):
        if self.state == "open":
            self.handle.pop()
            self.state = "closed"


connection = Connection()
threads = [threading.Thread(target=connection.close, name=f"closer-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
