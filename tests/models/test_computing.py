"""What the workloads compute: PBKDF2 as RFC 8018 has it, and Python that gives the same numbers anywhere."""

from __future__ import annotations

import hmac

import pytest

from weft.models import computing


def stretched(password: bytes, salt: bytes, iterations: int) -> bytes:
    """The first block of PBKDF2, by the definition."""
    last = hmac.digest(password, salt + (1).to_bytes(4), "sha256")
    total = int.from_bytes(last)
    for _ in range(iterations - 1):
        last = hmac.digest(password, last, "sha256")
        total ^= int.from_bytes(last)
    return total.to_bytes(32)


@pytest.mark.parametrize(("units", "iterations"), [(0, 1), (1, computing.UNIT_ITERATIONS)])
def test_derive_is_pbkdf2(units: int, iterations: int) -> None:
    expected = stretched((7).to_bytes(8), b"weft", iterations)[:8]
    assert computing.derive(7, units) == int.from_bytes(expected) < computing.MODULUS


def test_derived_numbers_can_be_derived_from_again() -> None:
    numbers = {computing.derive(number, 0) for number in range(100)}
    assert len({computing.derive(number, 0) for number in numbers}) == 100


def test_count_goes_through_all_of_its_units() -> None:
    assert computing.count(5, 0) == 5
    assert computing.count(computing.count(5, 1), 2) == computing.count(5, 3)
    assert computing.count(0, 1) != computing.count(1, 1)


def test_scatter_is_one_to_one_and_spreads() -> None:
    numbers = [computing.scatter(number) for number in range(1 << 10)]
    assert len(set(numbers)) == len(numbers)
    assert {number >> 28 for number in numbers} == set(range(16))
