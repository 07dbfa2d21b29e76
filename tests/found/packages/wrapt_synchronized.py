# package: wrapt==2.5.2
# expect: clean
# options: --instrument wrapt
"""Two threads call a method under @wrapt.synchronized, whose lock is made at the first call: both calls share it."""

import threading

import wrapt


class Account:
    def __init__(self):
        self.balance = 0

    @wrapt.synchronized
    def deposit(self):
        before = self.balance
        self.balance = before + 1


account = Account()
threads = [threading.Thread(target=account.deposit, name=f"teller-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert account.balance == 2
