"""A thread gives a lock up and takes it again at once: nobody else gets it.

Run: weft predict l002.py --cores 1
"""

import threading
import time

lock = threading.Lock()
samples: list[int] = []


def collect() -> None:
    for number in range(200):
        with lock:
            time.sleep(0.01)
            samples.append(number)


def report() -> None:
    for _ in range(3):
        with lock:
            sum(samples)


def main() -> None:
    collector = threading.Thread(target=collect, name="collector")
    reporter = threading.Thread(target=report, name="reporter")
    collector.start()
    reporter.start()
    collector.join()
    reporter.join()


if __name__ == "__main__":
    main()
