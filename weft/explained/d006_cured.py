"""The lock may be taken again by the thread that holds it.

Run: weft check d006_cured.py
"""

import threading


class Cache:
    def __init__(self) -> None:
        self.lock = threading.RLock()
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
