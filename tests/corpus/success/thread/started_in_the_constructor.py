# expect: clean
"""The subclass sets its fields before the base class's constructor starts the thread."""

import threading


class Worker:
    def __init__(self):
        self.thread = threading.Thread(target=self.run, name="worker")
        self.thread.start()


class Mailer(Worker):
    def __init__(self, address):
        self.address = address
        super().__init__()

    def run(self):
        self.address.upper()


mailer = Mailer("ann@example.org")
mailer.thread.join()
