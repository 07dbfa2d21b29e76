# expect: clean
# notes: 1
"""Two threads read a frozen dataclass."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Basket:
    weight: float = 0.0


seen = []


def weigh(basket):
    seen.append(basket.weight)


basket = Basket(2.5)
threads = [threading.Thread(target=weigh, args=(basket,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert seen == [2.5, 2.5]
