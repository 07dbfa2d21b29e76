"""A variable remembers it: whoever comes late looks and does not wait.

Run: weft check d004_cured.py
"""

import threading

ready = threading.Condition()
done = False


def wait_for_it() -> None:
    with ready:
        ready.wait_for(lambda: done)


def announce() -> None:
    global done
    with ready:
        done = True
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
