"""Two threads add to one counter: one of the additions may be lost.

Run: weft check r002.py
"""

import threading


class Counter:
    def __init__(self) -> None:
        self.value = 0


counter = Counter()


def add() -> None:
    counter.value += 1


def main() -> None:
    one = threading.Thread(target=add, name="one")
    two = threading.Thread(target=add, name="two")
    one.start()
    two.start()
    one.join()
    two.join()
    print(counter.value)


if __name__ == "__main__":
    main()
