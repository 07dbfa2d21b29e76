"""Unordered accesses of four kinds, for docs/how-to/find-a-race.md: each function runs one of them in two threads."""

import threading
from collections.abc import Callable


class Shop:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stock = 10
        self.sign = "open"
        self.closing = False


def in_two_threads(body: Callable[[Shop], None]) -> None:
    shop = Shop()
    clerks = [threading.Thread(target=body, args=(shop,), name=name) for name in ("ann", "bob")]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()


def sell() -> None:
    def body(shop: Shop) -> None:
        shop.stock -= 1

    in_two_threads(body)


def recount() -> None:
    def body(shop: Shop) -> None:
        with shop.lock:
            seen = shop.stock
        with shop.lock:
            shop.stock = seen - 1

    in_two_threads(body)


def sign() -> None:
    def body(shop: Shop) -> None:
        shop.sign = f"closed by {threading.current_thread().name}"

    in_two_threads(body)


def close() -> None:
    def body(shop: Shop) -> None:
        shop.closing = True

    in_two_threads(body)
