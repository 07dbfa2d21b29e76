"""Both threads wait for the locks in one order: nobody steps back.

Run: weft check l001_cured.py
"""

import threading

left = threading.Lock()
right = threading.Lock()


def take_both(mine: threading.Lock, other: threading.Lock) -> None:
    with mine, other:
        pass


def main() -> None:
    one = threading.Thread(target=take_both, args=(left, right))
    two = threading.Thread(target=take_both, args=(left, right))
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
