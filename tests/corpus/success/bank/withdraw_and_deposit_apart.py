# expect: clean
"""A transfer is one section, and the auditor sees all of the money."""

import threading

lock = threading.Lock()
accounts = {"ann": 100, "bob": 100}


def transfer(amount):
    with lock:
        accounts["ann"] -= amount
        accounts["bob"] += amount


def audit():
    with lock:
        assert sum(accounts.values()) == 200


threads = [threading.Thread(target=transfer, args=(10,), name="teller"), threading.Thread(target=audit, name="audit")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
