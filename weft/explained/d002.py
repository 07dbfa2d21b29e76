"""Two locks in two orders: this run ends well, another one would not.

Run: weft check d002.py --strategy once
"""

import threading

orders = threading.Lock()
stock = threading.Lock()


def sell() -> None:
    with orders, stock:
        pass


def restock() -> None:
    with stock, orders:
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
