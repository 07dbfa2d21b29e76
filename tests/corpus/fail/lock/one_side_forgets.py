# expect: R002
"""Deposits are locked and the fee is not."""

import threading


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.Lock()

    def deposit(self, amount):
        with self.lock:
            self.balance += amount

    def charge(self, fee):
        self.balance -= fee


account = Account(100)
threads = [
    threading.Thread(target=account.deposit, args=(50,), name="deposit"),
    threading.Thread(target=account.charge, args=(1,), name="charge"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
