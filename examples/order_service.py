"""A service of one's own, which knows nothing of weft: bills for customers, from orders that a database has.

How many threads should it use? See for this machine, and for one with more cores:

    weft predict order_service.py:main --set workers=1,2,4,8,16 --cores 2,4
    weft validate order_service.py:main --set workers=1,2,4,8,16

`weft check examples/order_service.py:main --set workers=2 --set requests=2`: clean, exhaustive, exit code 0.
"""

import hashlib
import json
import queue
import threading
import time

DATABASE_SECONDS = 0.012
"""How long the database takes to answer: the network, mostly."""
ORDERS = [
    json.dumps([{"article": article, "cents": 99 + kind, "pieces": article % 7} for article in range(1000)])
    for kind in range(3)
]
"""What the database would send: the orders of three kinds of customers."""


def fetch_orders(customer: int) -> str:
    """Ask the database. A thread that waits for it needs neither a core nor the GIL."""
    time.sleep(DATABASE_SECONDS)
    return ORDERS[customer % len(ORDERS)]


def add_up(orders: str) -> int:
    """Plain Python, and C code that holds the GIL: one thread at a time."""
    return sum(order["cents"] * order["pieces"] for order in json.loads(orders))


def seal(cents: int) -> str:
    """A signature that is slow to forge. It runs beside other threads: `hashlib` lets go of the GIL."""
    return hashlib.pbkdf2_hmac("sha256", str(cents).encode(), b"the company's secret", 5_000).hex()


def bill(customer: int) -> str:
    cents = add_up(fetch_orders(customer))
    return f"customer {customer}: {cents / 100:.2f}, {seal(cents)}"


def main(*, workers: int = 4, requests: int = 64) -> list[str]:
    """Write a bill for each of `requests` customers, on `workers` threads."""
    pending: queue.Queue[int | None] = queue.Queue()
    bills = [""] * requests

    def work() -> None:
        while (customer := pending.get()) is not None:
            bills[customer] = bill(customer)

    threads = [threading.Thread(target=work, name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for customer in range(requests):
        pending.put(customer)
    for _ in threads:
        pending.put(None)
    for thread in threads:
        thread.join()
    return bills


if __name__ == "__main__":
    begun = time.perf_counter()
    print(f"{len(main())} bills in {time.perf_counter() - begun:.2f} s")
