# expect: clean
"""The change is checked before its first half is made."""

import threading

lock = threading.Lock()
accounts = {"a": 10, "b": 0}


def transfer(source, target, amount):
    with lock:
        if target in accounts:
            accounts[source] -= amount
            accounts[target] += amount


def audit():
    with lock:
        assert sum(accounts.values()) == 10


threads = [
    threading.Thread(target=transfer, args=("a", "c", 5), name="transfer"),
    threading.Thread(target=audit, name="audit"),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
