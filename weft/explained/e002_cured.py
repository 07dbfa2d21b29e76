"""The results are put in order before anything is said of them.

Run: weft check e002_cured.py
"""

import queue
import threading

results: queue.Queue[int] = queue.Queue()


def main() -> None:
    for number in (1, 2):
        threading.Thread(target=results.put, args=(number,)).start()
    assert sorted([results.get(), results.get()]) == [1, 2]


if __name__ == "__main__":
    main()
