"""The errors of a suite's configurations as the charts take them: of the held-out ones, beside simpler models, by family.

It only gathers: the errors are the result's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .real_runs.suite_result import SuiteResult
from .report_errors import ErrorCurve
from .report_strip import StripGroup
from .report_suite_rows import Named
from .report_suite_simpler import in_order, simpler_model


def error_curves(result: SuiteResult, rows: Sequence[Named]) -> list[ErrorCurve]:
    """The errors that the hold-out's summary is of, or of all rows when nothing was held out; then simpler models'."""
    chosen = [each.row for each in judged(rows)]
    curves = [
        ErrorCurve("weft", "series own", [row.error for row in chosen if row.error is not None]),
        ErrorCurve(
            "weft, no run dropped", "series raw", [row.raw_error for row in chosen if row.raw_error is not None]
        ),
        ErrorCurve("noise floor", "series floor", [row.noise_floor for row in chosen if row.noise_floor is not None]),
    ]
    for name in in_order(name for row in chosen for name in row.baselines):
        errors = [
            row.baselines[name] / row.measured_seconds - 1
            for row in chosen
            if row.measured_seconds and row.baselines.get(name)
        ]
        model = simpler_model(name)
        curves.append(ErrorCurve(model.short, f"series {model.tone} thin", errors))
    return [curve for curve in curves if curve.errors]


def judged(rows: Sequence[Named]) -> list[Named]:
    """The configurations that the tool stands for: summed up, with a verdict on a prediction, and held out, or all such
    ones when nothing was held out."""
    found = [each for each in rows if each.counted and each.row.error is not None]
    found = [each for each in found if each.row.verdict in ("right", "wrong")]
    return [each for each in found if each.row.split == "hold-out"] or found


def families(result: SuiteResult, rows: Sequence[Named]) -> list[StripGroup]:
    """The measured configurations of each family; the families furthest off come last."""
    found: dict[str, list[Named]] = {}
    for each in rows:
        if each.counted and each.pair is not None:
            found.setdefault(each.row.family, []).append(each)
    return sorted((_family(name, members, result) for name, members in found.items()), key=lambda group: group.size)


def _family(name: str, members: list[Named], result: SuiteResult) -> StripGroup:
    pairs = [pair for each in members if (pair := each.pair) is not None]
    splits = {each.row.split for each in members}
    floors = [each.row.noise_floor for each in members if each.row.noise_floor is not None]
    summary = result.summaries.get(name)
    size = None if summary is None else summary.error_median_absolute
    return StripGroup(
        name=name,
        more=splits.pop() if len(splits) == 1 else "several splits",
        pairs=pairs,
        floor=median(floors) if floors else None,
        size=median([abs(pair.error) for pair in pairs]) if size is None else size,
    )
