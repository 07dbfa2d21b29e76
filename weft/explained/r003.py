"""Looking and taking are locked, but apart: both may see the last seat.

Run: weft check r003.py
"""

import threading


class Hall:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seats = 1


hall = Hall()


def buy() -> None:
    with hall.lock:
        seats = hall.seats
    if seats > 0:
        with hall.lock:
            hall.seats = seats - 1


def main() -> None:
    ann = threading.Thread(target=buy, name="ann")
    bob = threading.Thread(target=buy, name="bob")
    ann.start()
    bob.start()
    ann.join()
    bob.join()
    print(hall.seats)


if __name__ == "__main__":
    main()
