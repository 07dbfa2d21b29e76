"""Rows: medians of clean runs, signed errors, noise, and verdicts by rules that do not know the error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weft.real_runs.measure import Measurement
from weft.real_runs.rules import RULES
from weft.real_runs.suite_result import SuiteRow
from weft.real_runs.suite_rows import measured_row, noise_floor, predicted_row

from .suite_fakes import GOOD, LOCKED, forecast_of, measurement, samples


def row_of(seconds: float = 0.2, **more: Any) -> SuiteRow:
    return predicted_row(LOCKED, forecast_of(seconds, **more), pinned=True, judged=True)


def filled(row: SuiteRow, found: Measurement, base: Measurement | None = None) -> SuiteRow:
    measured_row(row, found, base, RULES)
    return row


def test_a_row_before_anything_was_measured() -> None:
    row = row_of(0.2, baselines={"linear": 0.1})
    assert (row.workload, row.family, row.split) == ("locked", "lock-bound", "hold-out")
    assert (row.predicted_seconds, row.predicted_interval) == (0.2, (0.2 * 0.99, 0.2 * 1.01))
    assert (row.inside_envelope, row.verdict, row.note) == (True, "no verdict", "not measured")
    assert (row.baselines, row.measured_seconds, row.threads) == ({"linear": 0.1}, None, 2)


def test_clean_and_raw_are_both_kept() -> None:
    times = [0.2] * 6 + [0.22] * 6 + [0.5] * 4
    row = filled(row_of(0.21), measurement(*times, disturbed=(12, 13, 14, 15)))
    assert (row.clean, row.dropped) == (12, 4)
    assert row.measured_seconds == pytest.approx(0.21)
    assert row.raw_seconds == pytest.approx(0.22)
    assert row.error == pytest.approx(0.0)
    assert row.raw_error == pytest.approx(0.21 / 0.22 - 1)
    assert row.measured_interval == (0.2, 0.22)
    assert (row.verdict, row.note) == ("right", "")
    assert row.measured_time_in == {"running": 0.5, "ready": 0.1, "waiting": 0.4}
    assert len(row.samples) == 16
    assert row.samples[12].why == ["others used 1.0 processors"]


@pytest.mark.parametrize(
    ("predicted", "expected"), [(0.1899, "wrong"), (0.1901, "right"), (0.2309, "right"), (0.2311, "wrong")]
)
def test_right_is_within_the_interval_widened_by_5_percent(predicted: float, expected: str) -> None:
    times = [0.2] * 10 + [0.22] * 10
    assert filled(row_of(predicted), measurement(*times)).verdict == expected


def test_too_few_clean_runs_give_no_verdict_but_the_evidence() -> None:
    times = [0.2] * 20
    row = filled(row_of(0.2), measurement(*times, disturbed=range(11), why="waited for a processor 7.5 % of the time"))
    assert row.verdict == "no verdict"
    assert row.note == (
        "9 clean runs of 20, 10 are needed; in 11 of the others, at worst: waited for a processor 7.5 % of the time"
    )
    assert row.measured_seconds == 0.2, "what there is stays visible"


def test_runs_that_are_too_short_give_no_verdict() -> None:
    row = filled(row_of(0.05), measurement(*[0.05] * 20))
    assert (row.verdict, row.note) == ("no verdict", "a run takes 0.050 s, and 0.1 s are needed")


def test_outside_the_envelope_only_a_bound_is_answered() -> None:
    row = row_of(0.2, features=replace(GOOD, memory_share=0.9))
    assert (row.inside_envelope, row.verdict) == (False, "bound only")
    assert "90% of the computing waits for memory" in row.envelope_reason
    filled(row, measurement(*[0.2] * 20))
    assert (row.verdict, row.error) == ("bound only", 0.0)
    unknown = row_of(0.2, features=None)
    assert unknown.verdict == "bound only"
    assert "no timeline" in unknown.envelope_reason


def test_real_runs_that_never_end_are_a_row() -> None:
    row = filled(row_of(0.2), measurement(None, None, None))
    assert (row.verdict, row.measured_seconds, row.error, row.raw_seconds) == ("no verdict", None, None, None)
    assert row.note == "3 of 3 runs timeout: no end after 1 s"
    assert [sample.status for sample in row.samples] == ["timeout"] * 3


def test_speedups_are_paired_with_the_clean_runs_of_the_base() -> None:
    slow = [1.0, 3.0, 2.0, 9.0]
    fast = [0.5, 1.5, 1.0, 1.0]
    row = row_of(0.5)
    row.speedup = 1.9
    filled(row, measurement(*fast), measurement(*slow, disturbed=(3,)))
    assert (row.measured_speedup, row.measured_speedup_interval) == (2.0, (2.0, 2.0))
    assert row.speedup_error == pytest.approx(-0.05)
    filled(row, measurement(*fast, disturbed=(0, 1, 2)), measurement(*slow, disturbed=(3,)))
    assert row.verdict == "no verdict"


def test_the_noise_floor_compares_even_blocks_with_odd_ones() -> None:
    assert noise_floor(samples(1.0, 2.0, 1.0, 2.0, 1.0)) == pytest.approx(1.0)
    assert noise_floor(samples(1.0, 2.0, 1.0)) is None
