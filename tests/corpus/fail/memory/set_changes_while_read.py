# expect: E001,R001
"""Subscribers are told while one of them signs off."""

import threading

subscribers = {"ann", "bob"}


def sign_off():
    subscribers.discard("bob")


def tell():
    for name in subscribers:
        str(name)


threads = [threading.Thread(target=sign_off, name="sign-off"), threading.Thread(target=tell, name="tell")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
