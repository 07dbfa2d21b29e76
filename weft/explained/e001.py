"""Two workers look, then take: the slower one finds the queue empty.

Run: weft check e001.py
"""

import queue
import threading

jobs: queue.Queue[str] = queue.Queue()


def work() -> None:
    if not jobs.empty():
        jobs.get_nowait()


def main() -> None:
    jobs.put("the only job")
    one = threading.Thread(target=work, name="one")
    two = threading.Thread(target=work, name="two")
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
