"""The work is done outside of the lock: in between, the other thread has it.

Run: weft predict l002_cured.py --cores 2
"""

import threading

import weft

lock = threading.Lock()


def collect() -> None:
    for _ in range(200):
        weft.work(0.009, gil=False)
        with lock:
            weft.work(0.001, gil=False)


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
