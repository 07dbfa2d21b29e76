"""One order for the same two locks everywhere: no run can deadlock.

Run: weft check d002_cured.py
"""

import threading

orders = threading.Lock()
stock = threading.Lock()


def sell() -> None:
    with orders, stock:
        pass


def restock() -> None:
    with orders, stock:
        pass


def main() -> None:
    seller = threading.Thread(target=sell, name="seller")
    buyer = threading.Thread(target=restock, name="buyer")
    seller.start()
    buyer.start()
    seller.join()
    buyer.join()


if __name__ == "__main__":
    main()
