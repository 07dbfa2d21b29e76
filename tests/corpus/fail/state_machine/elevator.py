# expect: E002,R001
"""An elevator closes its doors and moves off while a passenger presses the button that opens them."""

import threading


class Elevator:
    def __init__(self):
        self.doors = "closed"
        self.moving = False

    def go(self):
        if self.doors == "closed":
            self.moving = True

    def open(self):
        if not self.moving:
            self.doors = "open"


elevator = Elevator()
threads = [threading.Thread(target=elevator.go, name="go"), threading.Thread(target=elevator.open, name="open")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not (elevator.moving and elevator.doors == "open")
