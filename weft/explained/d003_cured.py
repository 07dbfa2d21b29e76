"""The worker says of each item that it is done.

Run: weft check d003_cured.py
"""

import queue
import threading

jobs: queue.Queue[int] = queue.Queue()


def work() -> None:
    for _ in range(2):
        jobs.get()
        jobs.task_done()


def main() -> None:
    threading.Thread(target=work, name="worker").start()
    jobs.put(1)
    jobs.put(2)
    jobs.join()


if __name__ == "__main__":
    main()
