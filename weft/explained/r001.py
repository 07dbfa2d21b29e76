"""Two threads set one variable, and nothing says which of them is last.

Run: weft check r001.py
"""

import threading


class Door:
    def __init__(self) -> None:
        self.state = "unknown"


door = Door()


def enter() -> None:
    door.state = "open"


def leave() -> None:
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
