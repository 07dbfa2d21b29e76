"""The owner of the lock is as urgent as whoever may want it.

Run: weft predict p001_cured.py --cores 1
"""

import threading

import weft

lock = threading.Lock()
met = threading.Barrier(3)


def background() -> None:
    weft.priority(2)
    with lock:
        met.wait()
        weft.work(1.0, gil=False)
    weft.priority(0)
    weft.work(15.0, gil=False)


def ordinary() -> None:
    weft.priority(1)
    met.wait()
    weft.work(10.0, gil=False)


def urgent() -> None:
    weft.priority(2)
    met.wait()
    with lock:
        weft.work(1.0, gil=False)


def main() -> None:
    threads = [
        threading.Thread(target=urgent, name="urgent"),
        threading.Thread(target=ordinary, name="ordinary"),
        threading.Thread(target=background, name="background"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
