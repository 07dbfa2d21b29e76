"""Summaries against the plain definitions, on rows drawn at random."""

from __future__ import annotations

import math
import random
import statistics as standard

import pytest

from weft.real_runs.rules import RULES
from weft.real_runs.suite_result import Frozen, Split, SuiteResult, SuiteRow
from weft.real_runs.suite_summary import (
    ablations,
    add_usl,
    baseline,
    judged,
    measured_seconds,
    predicted_seconds,
    raw_seconds,
    summarise,
    summary,
)


def row(
    workload: str, threads: int, predicted: float, measured: float | None, split: Split = "hold-out", **more: object
) -> SuiteRow:
    values: dict[str, object] = {
        "family": workload.split()[0],
        "pinned": False,
        "verdict": "right",
        "inside_envelope": True,
        "raw_seconds": measured,
        "baselines": {"linear": predicted * 2},
        **more,
    }
    return SuiteRow(
        workload=workload,
        split=split,
        target="t",
        params={},
        cores=2,
        threads=threads,
        predicted_seconds=predicted,
        predicted_interval=(predicted, predicted),
        speedup=1.0,
        speedup_interval=(1.0, 1.0),
        time_in={},
        measured_seconds=measured,
        measured_interval=None if measured is None else (measured * 0.99, measured * 1.01),
        **values,  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture
def rows() -> list[SuiteRow]:
    draw = random.Random(3)
    return [
        row(f"{family} {number}", threads, seconds * draw.uniform(0.9, 1.12), seconds)
        for family in ("lock", "pipe", "pool")
        for number in range(2)
        for threads in (1, 2, 4)
        if (seconds := draw.uniform(0.1, 1.0))
    ]


def test_every_figure_by_its_definition(rows: list[SuiteRow]) -> None:
    found = summary(rows, predicted_seconds, measured_seconds)
    errors = [item.predicted_seconds / (item.measured_seconds or math.nan) - 1 for item in rows]
    sizes = sorted(map(abs, errors))
    assert found.rows == len(rows) == 18
    assert found.error_mean_absolute == pytest.approx(standard.fmean(sizes))
    assert found.error_median_absolute == pytest.approx(standard.median(sizes))
    assert found.error_p90_absolute == pytest.approx(sizes[math.ceil(0.9 * 18) - 1])
    assert found.error_max_absolute == pytest.approx(sizes[-1])
    assert found.bias == pytest.approx(standard.median(errors))
    assert found.within_5_percent == pytest.approx(sum(size <= 0.05 for size in sizes) / 18)
    assert found.within_10_percent == pytest.approx(sum(size <= 0.10 for size in sizes) / 18)
    low, high = found.error_median_interval or (0, 0)
    assert sizes[0] <= low <= standard.median(sizes) <= high <= sizes[-1]


def test_directions_are_those_within_one_workload() -> None:
    found = summary(
        [
            row("one", 1, 1.0, 1.0),
            row("one", 2, 0.5, 0.6),
            row("one", 4, 0.7, 0.605),  # the measurements cannot tell it from the one above
            row("two", 1, 0.1, 2.0),
            row("two", 2, 0.2, 1.0),
        ],
        predicted_seconds,
        measured_seconds,
    )
    assert found.direction_right == pytest.approx(2 / 3)


def test_rows_without_figures_do_not_count() -> None:
    found = summary([row("a", 1, 1.0, None), row("a", 2, 1.0, 1.0)], predicted_seconds, measured_seconds)
    assert (found.rows, found.error_max_absolute, found.kendall_tau) == (1, 0.0, None)
    assert summary([], predicted_seconds, measured_seconds).rows == 0
    assert summary([row("a", 1, 1.0, 1.0)], baseline("amdahl"), measured_seconds).rows == 0


def test_one_row_of_each_configuration_is_judged() -> None:
    both = [row("a", 1, 1, 1, pinned=True), row("a", 1, 1, 1, judged=False), row("a", 2, 1, 1, verdict="bound only")]
    assert judged(both) == both[:1]


def result_of(rows: list[SuiteRow]) -> SuiteResult:
    frozen = Frozen(rules={}, rules_sha256="", suite_sha256="", profile_sha256="", predictions_sha256="")
    return SuiteResult(frozen=frozen, rows=rows)


def test_the_whole_summary(rows: list[SuiteRow]) -> None:
    extra = [
        row("dev 0", 1, 1.2, 1.0, "development"),
        row("lock 0", 8, 9.0, 1.0, inside_envelope=False, verdict="bound only"),
        row("lock 0", 2, 0.9, 1.0, pinned=True, judged=False, raw_seconds=0.8),
    ]
    result = result_of([*rows, *extra])
    summarise(result, {0: {"GIL": 10.0, "locks": rows[0].predicted_seconds}, 1: {"GIL": 20.0}})
    held = result.summaries["hold-out"]
    assert held == summary(rows, predicted_seconds, measured_seconds)
    assert result.summaries["hold-out raw"] == summary(rows, predicted_seconds, raw_seconds)
    assert result.summaries["hold-out pinned"].rows == 1
    assert result.summaries["hold-out outside the envelope"].error_max_absolute == pytest.approx(8.0)
    assert result.summaries["development"].error_median_absolute == pytest.approx(0.2)
    assert result.summaries["all"].rows == 19
    assert result.summaries["lock"].rows == 6
    assert "calibration" not in result.summaries
    assert result.baselines["linear"].rows == 18
    assert result.baselines["usl"].rows == 18
    assert result.envelope_share == pytest.approx(18 / 19)
    assert [item.term for item in result.ablations] == ["GIL", "locks"]
    assert result.ablations[0].summary.rows == 2
    assert result.ablations[0].change > 1
    assert result.ablations[1].change == 0


def test_a_result_without_verdicts_still_has_a_summary() -> None:
    result = result_of([row("a", 1, 1.0, None, verdict="no verdict")])
    summarise(result, {})
    assert result.summaries["hold-out"].rows == 0
    assert (result.baselines, result.ablations, result.envelope_share) == ({}, [], 1.0)


def test_the_usl_is_fitted_to_the_other_thread_counts() -> None:
    """Times that the law itself gives are found again at the point that was left out."""

    def law(threads: int) -> float:
        return (1 + 0.1 * (threads - 1) + 0.01 * threads * (threads - 1)) / threads

    rows = [row("a", threads, 1.0, law(threads)) for threads in (1, 2, 3, 4)]
    rows += [row("a", 2, 1.0, 7.0, pinned=True, judged=False), row("b", 1, 1.0, 1.0), row("b", 2, 1.0, 1.0)]
    add_usl(rows)
    for item in rows[:4]:
        assert item.baselines["usl"] == pytest.approx(law(item.threads))
    assert rows[4].baselines["usl"] == pytest.approx(law(2)), "fitted to the runs that were not pinned"
    assert "usl" not in rows[5].baselines, "one other point is no fit"


def test_an_ablation_is_compared_with_the_full_model_on_its_own_rows(rows: list[SuiteRow]) -> None:
    half = {number: {"term": item.measured_seconds or 0.0} for number, item in enumerate(rows) if number % 2}
    (found,) = ablations(rows, half)
    kept = [item for number, item in enumerate(rows) if number % 2]
    full = summary(kept, predicted_seconds, measured_seconds, RULES)
    assert found.summary.error_median_absolute == 0
    assert found.change == pytest.approx(-(full.error_median_absolute or 0))
