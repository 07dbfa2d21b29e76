"""Wrong parameters get one message: name, value, rule."""

from __future__ import annotations

import pytest

from weft.models.parameters import at_least, shares


def test_good_values_pass() -> None:
    at_least(1, workers=1, tasks=2.5)
    shares(low=0, high=1, between=0.5)


def test_the_first_bad_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"^tasks=0: it must be 1 or more; give a larger number$"):
        at_least(1, workers=1, tasks=0, units=-1)
    with pytest.raises(ValueError, match=r"^share=1\.01: it must be a share of the whole; give a number from 0 to 1$"):
        shares(share=1.01)


def test_not_a_number_is_no_value() -> None:
    with pytest.raises(ValueError, match=r"^rate=nan"):
        at_least(0, rate=float("nan"))
    with pytest.raises(ValueError, match=r"^share=nan"):
        shares(share=float("nan"))
