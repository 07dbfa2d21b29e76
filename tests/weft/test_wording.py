"""What all results share on a terminal: widths, numbers, parameters."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from weft.wording import WIDTH, fixed_parameters, number, parameters, without, wrapped


class Row(msgspec.Struct, frozen=True):
    params: dict[str, Any]
    cores: int = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.00012345, "0.0001234"),
        (0.5, "0.5000"),
        (1.23456, "1.235"),
        (99.996, "100.0"),
        (999.97, "1000"),
        (123456.7, "123457"),
    ],
)
def test_numbers_have_four_significant_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_lines_fit_and_later_ones_are_indented() -> None:
    lines = wrapped("word " * 40, "  ")
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("  word")
    assert all(line.startswith("    word") for line in lines[1:])
    assert wrapped("word " * 40, "- ", "  ")[1].startswith("  word")


def test_parameters_that_never_differ_are_taken_out_of_the_rows() -> None:
    rows = [Row({"size": 1, "kind": "a"}), Row({"size": 2, "kind": "a"}, cores=2)]
    fixed = fixed_parameters(rows)
    assert fixed == {"kind": "a"}
    assert without(rows, fixed) == [Row({"size": 1}), Row({"size": 2}, cores=2)]
    assert parameters({"size": 1, "kind": "a"}) == "size=1 kind=a"


def test_a_single_row_keeps_its_parameters() -> None:
    assert fixed_parameters([Row({"size": 1})]) == {}
    assert fixed_parameters([]) == {}


def test_a_parameter_that_some_rows_lack_is_not_fixed() -> None:
    assert fixed_parameters([Row({"size": 1}), Row({})]) == {}
