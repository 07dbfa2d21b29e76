"""The notify may come before the wait, and then nobody hears it.

Run: weft check d004.py
"""

import threading

ready = threading.Condition()


def wait_for_it() -> None:
    with ready:
        ready.wait()


def announce() -> None:
    with ready:
        ready.notify()


def main() -> None:
    waiter = threading.Thread(target=wait_for_it, name="waiter")
    caller = threading.Thread(target=announce, name="caller")
    waiter.start()
    caller.start()
    waiter.join()
    caller.join()


if __name__ == "__main__":
    main()
