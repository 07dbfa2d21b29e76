"""What the workloads compute: SHA-256 of a known text, and Python that gives the same numbers anywhere."""

from __future__ import annotations

import hashlib

import pytest

from weft.models import computing


@pytest.mark.parametrize("units", [0, 1, 3, 8, 9])
def test_derive_is_sha_256(monkeypatch: pytest.MonkeyPatch, units: int) -> None:
    monkeypatch.setattr(computing, "_NOTHING", memoryview(bytes(3 * computing.UNIT_BYTES)))  # more take several calls
    text = (7).to_bytes(8) + bytes(units * computing.UNIT_BYTES)
    expected = hashlib.sha256(text).hexdigest()[:16]
    assert computing.derive(7, units) == int(expected, 16) < computing.MODULUS


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
