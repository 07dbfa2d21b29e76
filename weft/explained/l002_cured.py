"""It waits for the device without the lock: in between, the other thread has it.

Run: weft predict l002_cured.py --cores 1
"""

import threading
import time

lock = threading.Lock()
samples: list[int] = []


def collect() -> None:
    for number in range(200):
        time.sleep(0.01)
        with lock:
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
