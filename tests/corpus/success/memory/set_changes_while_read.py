# expect: clean
"""Subscribers are told from a frozen copy taken under the lock."""

import threading

lock = threading.Lock()
subscribers = {"ann", "bob"}


def sign_off():
    with lock:
        subscribers.discard("bob")


def tell():
    with lock:
        names = frozenset(subscribers)
    for name in names:
        str(name)


threads = [threading.Thread(target=sign_off, name="sign-off"), threading.Thread(target=tell, name="tell")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
