"""The lock is held from the read to the write: no addition is lost.

Run: weft check r002_cured.py
"""

import threading


class Counter:
    def __init__(self) -> None:
        self.value = 0
        self.lock = threading.Lock()


counter = Counter()


def add() -> None:
    with counter.lock:
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
