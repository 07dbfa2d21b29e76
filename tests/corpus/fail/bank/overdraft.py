# expect: E002
"""Enough money is there when it is looked at, and gone when it is taken."""

import threading


class Account:
    def __init__(self, balance):
        self._balance = balance
        self.lock = threading.Lock()

    def balance(self):
        with self.lock:
            return self._balance

    def withdraw(self, amount):
        with self.lock:
            self._balance -= amount


account = Account(100)


def customer(amount):
    if account.balance() >= amount:
        account.withdraw(amount)


threads = [threading.Thread(target=customer, args=(70,), name=f"customer-{number}") for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert account.balance() >= 0
