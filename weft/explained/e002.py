"""The program assumes that whoever starts first is done first.

Run: weft check e002.py
"""

import queue
import threading

results: queue.Queue[int] = queue.Queue()


def main() -> None:
    for number in (1, 2):
        threading.Thread(target=results.put, args=(number,)).start()
    assert [results.get(), results.get()] == [1, 2]


if __name__ == "__main__":
    main()
