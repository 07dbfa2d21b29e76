# expect: clean
"""An elevator's state changes in one section each."""

import threading


class Elevator:
    def __init__(self):
        self.lock = threading.Lock()
        self.doors = "closed"
        self.moving = False

    def go(self):
        with self.lock:
            if self.doors == "closed":
                self.moving = True

    def open(self):
        with self.lock:
            if not self.moving:
                self.doors = "open"


elevator = Elevator()
threads = [threading.Thread(target=elevator.go, name="go"), threading.Thread(target=elevator.open, name="open")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not (elevator.moving and elevator.doors == "open")
