# expect: D006
"""A transfer from an account to itself takes its lock twice."""

import threading


class Account:
    def __init__(self):
        self.balance = 100
        self.lock = threading.Lock()


def transfer(source, target, amount):
    with source.lock, target.lock:
        source.balance -= amount
        target.balance += amount


account = Account()
thread = threading.Thread(target=transfer, args=(account, account, 10), name="teller")
thread.start()
thread.join()
