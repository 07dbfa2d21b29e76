"""Bank transfer, for real."""

from __future__ import annotations

import pytest

from weft.models import bank_transfer
from weft.models.bank_transfer import Account


@pytest.mark.parametrize("transfers", [0, 1, 4])
def test_right_moves_the_money(transfers: int) -> None:
    assert bank_transfer.right(transfers=transfers) == [100_00 + 15_00 * transfers, 100_00 - 15_00 * transfers]


@pytest.mark.usefixtures("one_after_the_other")
def test_wrong_moves_the_same_money_when_the_tellers_take_turns() -> None:
    assert bank_transfer.wrong(transfers=2) == bank_transfer.right(transfers=2)


def test_right_locks_by_number_whatever_the_direction() -> None:
    low, high = Account(0, 10), Account(1, 10)
    bank_transfer.transfer_right(high, low, 3)
    assert (low.cents, high.cents) == (13, 7)
    assert not low.lock.locked()
    assert not high.lock.locked()
