"""The queue is joined, but nobody says that the items are done.

Run: weft check d003.py
"""

import queue
import threading

jobs: queue.Queue[int] = queue.Queue()


def work() -> None:
    for _ in range(2):
        jobs.get()


def main() -> None:
    threading.Thread(target=work, name="worker").start()
    jobs.put(1)
    jobs.put(2)
    jobs.join()


if __name__ == "__main__":
    main()
