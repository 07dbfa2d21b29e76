# expect: R003
"""The balance is read under the lock and written under the lock, but not in one section."""

import threading

lock = threading.Lock()
balance = 100


def withdraw(amount):
    global balance
    with lock:
        have = balance
    if have >= amount:
        with lock:
            balance = have - amount


threads = [threading.Thread(target=withdraw, args=(amount,)) for amount in (30, 50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
