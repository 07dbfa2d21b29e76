# expect: R002
"""Two threads add to a field of one dataclass instance."""

import threading
from dataclasses import dataclass


@dataclass
class Basket:
    weight: float = 0.0


def put(basket, weight):
    basket.weight += weight


basket = Basket()
threads = [threading.Thread(target=put, args=(basket, weight)) for weight in (0.5, 2.0)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
