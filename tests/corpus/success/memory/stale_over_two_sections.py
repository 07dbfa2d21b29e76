# expect: clean
"""The balance is looked at again in the section that writes it."""

import threading

lock = threading.Lock()
balance = 100


def withdraw(amount):
    global balance
    with lock:
        enough = balance >= amount
    if enough:
        with lock:
            if balance >= amount:
                balance -= amount


threads = [threading.Thread(target=withdraw, args=(amount,)) for amount in (30, 50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert balance == 20
