"""A method that holds the lock calls another one that takes it.

Run: weft check d006.py
"""

import threading


class Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries = [1, 2, 3]

    def clear(self) -> None:
        with self.lock:
            self.entries.clear()

    def shrink(self) -> None:
        with self.lock:
            if len(self.entries) > 2:
                self.clear()


def main() -> None:
    cache = Cache()
    cache.shrink()


if __name__ == "__main__":
    main()
