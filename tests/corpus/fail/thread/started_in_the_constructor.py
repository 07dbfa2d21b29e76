# expect: E001,R001
"""A thread started by the base class's constructor runs before the subclass has set its fields."""

import threading


class Worker:
    def __init__(self):
        self.thread = threading.Thread(target=self.run, name="worker")
        self.thread.start()


class Mailer(Worker):
    def __init__(self, address):
        super().__init__()
        self.address = address

    def run(self):
        self.address.upper()


mailer = Mailer("ann@example.org")
mailer.thread.join()
