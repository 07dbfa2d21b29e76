"""Two transfers, there and back, take two locks in opposite orders.

Run: weft check d001.py
"""

import threading


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 100


def transfer(source: Account, target: Account, amount: int) -> None:
    with source.lock:
        source.balance -= amount
        with target.lock:
            target.balance += amount


def main() -> None:
    ann, bob = Account(), Account()
    one = threading.Thread(target=transfer, args=(ann, bob, 10))
    two = threading.Thread(target=transfer, args=(bob, ann, 20))
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
