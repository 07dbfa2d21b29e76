# expect: clean
# notes: 1
"""A report goes over a copy of the dictionary, which is taken in one step."""

import threading

prices = {"tea": 3}


def add():
    prices["milk"] = 2


def report():
    for name, price in prices.copy().items():
        str(name) + str(price)


threads = [threading.Thread(target=add, name="add"), threading.Thread(target=report, name="report")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
