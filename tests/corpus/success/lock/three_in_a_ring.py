# expect: clean
"""Three services call the next one after they have let go of their own lock."""

import threading


class Service:
    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.next = None

    def call(self):
        with self.lock:
            target = self.next
        target.ping()

    def ping(self):
        with self.lock:
            pass


users, billing, mail = Service("users"), Service("billing"), Service("mail")
users.next, billing.next, mail.next = billing, mail, users
threads = [threading.Thread(target=service.call, name=service.name) for service in (users, billing, mail)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
