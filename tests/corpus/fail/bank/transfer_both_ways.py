# expect: D001
"""Two transfers lock the paying account first, in opposite directions."""

import threading


class Account:
    def __init__(self, name, balance):
        self.name = name
        self.balance = balance
        self.lock = threading.Lock()


def transfer(source, target, amount):
    with source.lock:
        with target.lock:
            source.balance -= amount
            target.balance += amount


accounts = [Account("ann", 100), Account("bob", 100)]
threads = [
    threading.Thread(target=transfer, args=(accounts[0], accounts[1], 10), name="teller-1"),
    threading.Thread(target=transfer, args=(accounts[1], accounts[0], 20), name="teller-2"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
