# expect: E001,R001
"""A report goes over a dictionary while another thread adds to it."""

import threading

prices = {"tea": 3}


def add():
    prices["milk"] = 2


def report():
    for name, price in prices.items():
        str(name) + str(price)


threads = [threading.Thread(target=add, name="add"), threading.Thread(target=report, name="report")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
