"""Bank transfer: an account is a balance and a lock, and a transfer needs both accounts at once.

The wrong form locks "from" and then "to", which reads well and deadlocks as soon as two tellers transfer in opposite
directions; it is the stock example of lock ordering (Goetz and others, Java Concurrency in Practice, 2006, section
10.1.2). weft must find D001 in ``wrong``. In ``right`` the account with the lower number is locked first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Account:
    """Money, in cents, that may be touched with ``lock`` held."""

    def __init__(self, number: int, cents: int) -> None:
        self.number = number
        self.cents = cents
        self.lock = threading.Lock()


def transfer_wrong(source: Account, target: Account, cents: int) -> None:
    with source.lock, target.lock:
        source.cents -= cents
        target.cents += cents


def transfer_right(source: Account, target: Account, cents: int) -> None:
    first, second = sorted((source, target), key=lambda account: account.number)
    with first.lock, second.lock:
        source.cents -= cents
        target.cents += cents


def wrong(*, transfers: int = 1) -> list[int]:
    """Two tellers, each making ``transfers`` transfers, the locks in the order of the arguments; the balances."""
    return _trade(transfer_wrong, transfers)


def right(*, transfers: int = 1) -> list[int]:
    """Two tellers, each making ``transfers`` transfers, the locks in the order of the numbers; the balances."""
    return _trade(transfer_right, transfers)


def _trade(transfer: Callable[[Account, Account, int], None], transfers: int) -> list[int]:
    accounts = [Account(number, 100_00) for number in range(2)]

    def teller(source: Account, target: Account, cents: int) -> None:
        for _ in range(transfers):
            transfer(source, target, cents)

    tellers = [
        threading.Thread(target=teller, args=(accounts[0], accounts[1], 10_00), name="teller-0"),
        threading.Thread(target=teller, args=(accounts[1], accounts[0], 25_00), name="teller-1"),
    ]
    for thread in tellers:
        thread.start()
    for thread in tellers:
        thread.join()
    balances = [account.cents for account in accounts]
    assert sum(balances) == 200_00, f"money was made or lost: {balances}"
    return balances
