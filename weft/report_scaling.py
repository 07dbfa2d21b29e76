"""The section of one prediction or validation: what it says first, and everything that is drawn of it.

It chooses what is shown; the report_curves, report_tables, report_shares and report_errors modules draw it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from .report_bottlenecks import Path, paths, what_if_table
from .report_curves import Chart, charts
from .report_errors import Pair, scatter
from .report_findings import Headline
from .report_numbers import percent, times
from .report_runs import Prediction, Run, axis_of, configuration, constants_of, label_of
from .report_shares import BARS_MAX, Bar, bars
from .report_svg import Markup, seconds
from .report_tables import Table, prediction_table, validation_table
from .simcore.bottlenecks import Bound

CLOSE_ENOUGH = 0.10
"""A median error above this is a warning: published simulators reach 3-5 % inside their envelope, twice that is suspect."""
_SCATTER_FROM = 3
"""Measured runs from which on a scatter says more than the table."""


@dataclass(frozen=True, slots=True)
class ScalingSection:
    """One prediction or validation."""

    anchor: str
    name: str
    measured: bool
    charts: list[Chart]
    scatter: Markup | None
    table: Table
    bars: list[Bar]
    hidden_bars: int
    legend: list[tuple[str, str]]
    paths: list[Path]
    recommended: list[str]
    what_if: Table | None
    laws: list[tuple[str, str]]
    drawn_laws: bool
    samples: list[tuple[str, str]]
    tiles: list[tuple[str, str]]
    worst: str
    constants: str
    base: str
    notes: list[str]
    unfinished: list[tuple[str, str, list[str]]]
    """Configuration, reason, and a sentence for each thread that is stuck."""


def scaling_section(anchor: str, name: str, prediction: Prediction, measured: bool) -> tuple[ScalingSection, Headline]:
    """The section and its line among the headlines."""
    runs = prediction.runs
    drawn_bars, legend = bars(runs)
    drawn_charts = charts(runs, prediction.laws)
    axis = axis_of(runs)
    if prediction.unfinished:
        line = _unfinished_line(anchor, name, prediction)
    else:
        line = _measured_line(anchor, name, prediction) if measured else _predicted_line(anchor, name, runs)
    section = ScalingSection(
        anchor=anchor,
        name=name,
        measured=measured,
        charts=drawn_charts,
        scatter=_scatter(runs),
        table=validation_table(runs) if measured else prediction_table(runs),
        bars=drawn_bars,
        hidden_bars=max(len(runs) - BARS_MAX, 0),
        legend=legend,
        paths=paths(prediction.attributions),
        recommended=[each.sentence for each in prediction.recommended],
        what_if=what_if_table(prediction.what_if),
        laws=[row for law, values in prediction.laws.items() for row in _law(law.replace("_", " "), values)],
        drawn_laws=any('class="law"' in chart.plot for chart in drawn_charts),
        samples=[
            (label_of(run, axis), ", ".join(f"{value:.6g}" for value in run.measurements()))
            for run in runs
            if run.measurements()
        ],
        tiles=_tiles(prediction) if measured else [],
        worst=_worst(runs) if measured else "",
        constants=constants_of(runs, axis) if runs else "",
        base=" and ".join(dict.fromkeys(label_of(base, axis, gil=False) for base in prediction.base or [])),
        notes=[
            *(f"{label_of(run, axis)}: bound only: {run.envelope_reason}" for run in runs if run.envelope_reason),
            *(f"{label_of(run, axis)}: {run.note}" for run in runs if run.note),
            *(f"{label_of(row, axis)}: bound only, {_at_least(row)}" for row in prediction.bounds),
        ],
        unfinished=[(configuration(each), each.reason, each.stuck) for each in prediction.unfinished],
    )
    return section, line


def _at_least(bound: Bound) -> str:
    return f"at least {seconds(bound.seconds)}; {bound.reason}"


def _scatter(runs: list[Run]) -> Markup | None:
    axis = axis_of(runs)
    pairs = [
        Pair(label_of(run, axis), run.seconds, run.measured_seconds, run.predicted_interval, run.measured_interval)
        for run in runs
        if run.measured_seconds and not run.envelope_reason
    ]
    return scatter(pairs) if len(pairs) >= _SCATTER_FROM else None


def _predicted_line(anchor: str, name: str, runs: list[Run]) -> Headline:
    axis = axis_of(runs)
    parts: list[str] = []
    for gil in dict.fromkeys(run.gil for run in runs):
        sped = [run for run in runs if run.gil is gil and run.speedup is not None]
        if sped:
            best = max(sped, key=lambda run: run.speedup or 0)
            words = label_of(best, axis, gil=False)
            where = {True: " with the GIL", False: " without the GIL", None: ""}[gil]
            parts.append(f"{times(best.speedup or 0)}{where} ({words})")
    if parts:
        text = f"predicted speedup at best {', '.join(parts)}"
    else:
        best = min(runs, key=lambda run: run.seconds)
        text = f"predicted to take {seconds(best.seconds)} at best ({label_of(best, axis)})"
    bottleneck = max(runs, key=lambda run: run.cores or 0).bottleneck or ""
    return Headline("info", "predicted", name, text, bottleneck, anchor)


def _unfinished_line(anchor: str, name: str, prediction: Prediction) -> Headline:
    """Nothing but this matters when a configuration never ends."""
    count = len(prediction.unfinished)
    text = "no configuration ended in virtual time"
    if prediction.runs:
        text = f"{count} of {count + len(prediction.runs)} configurations never ended in virtual time"
    return Headline("warn", "unfinished", name, text, prediction.unfinished[0].reason, anchor)


def _measured_line(anchor: str, name: str, prediction: Prediction) -> Headline:
    errors = [abs(run.error) for run in prediction.runs if run.error is not None]
    median = prediction.error_median
    worst = prediction.error_max
    if median is None or not errors:
        return Headline("info", "measured", name, "predicted and measured", "", anchor)
    limit = prediction.max_error
    off = abs(median) > CLOSE_ENOUGH or (limit is not None and max(errors) > limit)
    count = f"{len(errors)} comparison{'' if len(errors) == 1 else 's'}"
    text = f"the prediction is {percent(abs(median))} off the real machine (median of {count})"
    detail = "" if worst is None else f"at worst {percent(abs(worst))}"
    return Headline("warn" if off else "good", "measured", name, text, detail, anchor)


def _tiles(prediction: Prediction) -> list[tuple[str, str]]:
    tiles: list[tuple[str, str]] = []
    if prediction.error_median is not None:
        tiles.append((percent(abs(prediction.error_median)), "median error"))
    if prediction.error_max is not None:
        tiles.append((percent(abs(prediction.error_max)), "largest error"))
    if prediction.sign_right is not None:
        tiles.append((f"{100 * prediction.sign_right:.0f} %", "faster or slower predicted right"))
    return tiles


def _worst(runs: list[Run]) -> str:
    """Where the prediction is furthest off, in a sentence."""
    wrong = [run for run in runs if run.error is not None]
    if len(wrong) < 2:
        return ""
    run = max(wrong, key=lambda run: abs(run.error or 0))
    way = "too slow" if (run.error or 0) > 0 else "too fast"
    return f"Furthest off: {label_of(run, axis_of(runs))}, predicted {percent(abs(run.error or 0))} {way}."


def _law(name: str, values: Any) -> list[tuple[str, str]]:
    """A law's fitted numbers in a line; one line for each group when they are grouped, by GIL mode say."""
    if not isinstance(values, dict):
        return [(name, str(values))]
    found = cast(dict[str, Any], values)
    groups: dict[str, Any] = {key: group for key, group in found.items() if isinstance(group, dict)}
    rows = [row for key, group in groups.items() for row in _law(f"{name}, {key}", group)]
    numbers = [
        (key.replace("_", " "), value) for key, value in found.items() if key not in groups and value is not None
    ]
    words = [f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in numbers]
    return [*([(name, ", ".join(words))] if words else []), *rows]
