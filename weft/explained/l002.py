"""A thread gives a lock up and takes it again at once: nobody else gets it.

Run: weft predict l002.py --cores 2
"""

import threading

import weft

lock = threading.Lock()


def collect() -> None:
    for _ in range(200):
        with lock:
            weft.work(0.01, gil=False)


def report() -> None:
    with lock:
        weft.work(0.01, gil=False)


def main() -> None:
    collector = threading.Thread(target=collect, name="collector")
    reporter = threading.Thread(target=report, name="reporter")
    collector.start()
    reporter.start()
    collector.join()
    reporter.join()


if __name__ == "__main__":
    main()
