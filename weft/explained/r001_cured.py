"""The second thread waits until the first one has set the variable.

Run: weft check r001_cured.py
"""

import threading


class Door:
    def __init__(self) -> None:
        self.state = "unknown"
        self.entered = threading.Event()


door = Door()


def enter() -> None:
    door.state = "open"
    door.entered.set()


def leave() -> None:
    door.entered.wait()
    door.state = "closed"


def main() -> None:
    first = threading.Thread(target=enter, name="enter")
    second = threading.Thread(target=leave, name="leave")
    first.start()
    second.start()
    first.join()
    second.join()
    print(door.state)


if __name__ == "__main__":
    main()
