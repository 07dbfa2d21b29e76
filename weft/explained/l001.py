"""Two polite threads: each gives its lock back and tries again.

Run: weft check l001.py --max-steps 600 --max-executions 40
"""

import threading

left = threading.Lock()
right = threading.Lock()


def take_both(mine: threading.Lock, other: threading.Lock) -> None:
    while True:
        mine.acquire()
        if other.acquire(blocking=False):
            break
        mine.release()
    other.release()
    mine.release()


def main() -> None:
    one = threading.Thread(target=take_both, args=(left, right))
    two = threading.Thread(target=take_both, args=(right, left))
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
