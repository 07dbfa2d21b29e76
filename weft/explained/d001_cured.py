"""Every transfer takes the lock of the lower account number first.

Run: weft check d001_cured.py
"""

import threading


class Account:
    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()
        self.balance = 100


def transfer(source: Account, target: Account, amount: int) -> None:
    first, second = source, target
    if second.number < first.number:
        first, second = second, first
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount


def main() -> None:
    ann, bob = Account(1), Account(2)
    one = threading.Thread(target=transfer, args=(ann, bob, 10))
    two = threading.Thread(target=transfer, args=(bob, ann, 20))
    one.start()
    two.start()
    one.join()
    two.join()


if __name__ == "__main__":
    main()
