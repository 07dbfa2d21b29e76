"""What a suite's errors come to: the prediction beside simpler models, terms taken away, and changes really made.

Every number is the result's own; here they become tables with a small drawing in each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from .real_runs.suite_result import Ablation, SuiteResult, Summary
from .report_errors import FAR, NEAR
from .report_numbers import MINUS, percent, percent_interval, points
from .report_plot import Scale, mark
from .report_suite_rows import as_number
from .report_suite_simpler import in_order, simpler_model
from .report_svg import Markup, element
from .report_tables import Cell, Table

_OWN_WORDS = {
    "hold-out": "weft, hold-out",
    "hold-out raw": "weft, no run dropped",
    "hold-out pinned": "weft, pinned",
    "hold-out unpinned": "weft, not pinned",
    "hold-out outside the envelope": "weft, outside the envelope",
    "development": "weft, development",
    "calibration": "weft, calibration",
    "all": "weft, everything",
}
"""What a result sums up besides families, in the order of the table."""
_WIDTH, _HEIGHT = 160, 22
_LOW, _HIGH = 0.003, 1.0


def models_table(result: SuiteResult) -> Table | None:
    """The errors of the hold-out beside those of simpler models of the same configurations; then the other splits."""
    found: list[tuple[str, str, Summary, str]] = []
    summaries = result.summaries
    if "hold-out" in summaries:
        found.append((_OWN_WORDS["hold-out"], "", summaries["hold-out"], "own"))
    found += [(simpler_model(name).long, "", result.baselines[name], "simpler") for name in in_order(result.baselines)]
    found += [(_OWN_WORDS[name], "", summaries[name], "rest") for name in list(_OWN_WORDS)[1:] if name in summaries]
    found = [each for each in found if each[2].rows]
    if not found:
        return None
    columns = [
        "", "median [95 %]", "median to 90th", "90th", "largest", "bias", "≤ 5 %", "≤ 10 %", "tau", "direction", "n",
    ]  # fmt: skip
    rows = [_model_row(*each) for each in found]
    return Table(columns, [name not in ("", columns[2]) for name in columns], rows)


def _model_row(name: str, more: str, summary: Summary, tone: str) -> list[Cell]:
    interval = percent_interval(summary.error_median_interval)
    median = summary.error_median_absolute
    return [
        Cell(name, more=more, tone=tone),
        Cell("" if median is None else f"{percent(median)} {interval}".rstrip(), median),
        Cell("", median, drawing=_reach(summary, tone)),
        _share(summary.error_p90_absolute),
        _share(summary.error_max_absolute),
        _share(summary.bias, signed=True),
        _whole(summary.within_5_percent),
        _whole(summary.within_10_percent),
        Cell("" if summary.kendall_tau is None else f"{summary.kendall_tau:.2f}", summary.kendall_tau),
        _whole(summary.direction_right),
        Cell(str(summary.rows), float(summary.rows)),
    ]


def _share(value: float | None, *, signed: bool = False) -> Cell:
    return Cell("") if value is None else Cell(percent(value, signed=signed), value)


def _whole(value: float | None) -> Cell:
    return Cell("") if value is None else Cell(f"{100 * value:.0f} %", value)


def _reach(summary: Summary, tone: str) -> Markup | None:
    """A line from the median to the 90th percentile on a logarithmic scale from 0.3 to 100 %."""
    median, ninth = summary.error_median_absolute, summary.error_p90_absolute
    if median is None or ninth is None:
        return None
    x = Scale(_LOW, _HIGH, 6, _WIDTH - 6, log=True)
    middle = _HEIGHT / 2
    parts = [
        element("line", x1=x(error), x2=x(error), y1=0, y2=_HEIGHT, class_="guide") for error in (0.01, NEAR, FAR, 1.0)
    ]
    parts += [
        element("line", x1=x(median), x2=x(max(ninth, median)), y1=middle, y2=middle, class_="reach"),
        mark("disc", "shape", x(median), middle),
        element("line", x1=x(ninth), x2=x(ninth), y1=middle - 5, y2=middle + 5, class_="reach"),
    ]
    words = f"median {percent(median)}, 90th percentile {percent(ninth)}"
    return _small(words, *parts, class_=f"reaches {tone}")


def _small(words: str, *parts: Markup, class_: str) -> Markup:
    view = f"0 0 {_WIDTH} {_HEIGHT}"
    return element(
        "svg",
        *parts,
        viewBox=view,
        width=_WIDTH,
        height=_HEIGHT,
        class_=f"inline {class_}",
        role="img",
        aria_label=words,
    )


# Ablations.


def ablation_table(found: Sequence[Ablation]) -> Table | None:
    """Each term taken away: what it does to the errors, largest change first."""
    if not found:
        return None
    ordered = sorted(found, key=lambda each: -each.change)
    reach = max(max(abs(each.change) for each in ordered), 0.001)
    rows = [
        [
            Cell(f"without {each.term}"),
            Cell(points(each.change), each.change),
            Cell("", each.change, drawing=_change_bar(each.change, reach)),
            _share(each.summary.error_median_absolute),
            _share(each.summary.error_p90_absolute),
            _share(each.summary.error_max_absolute),
            Cell(str(each.summary.rows), float(each.summary.rows)),
        ]
        for each in ordered
    ]
    columns = ["term", "median error changes by", "change", "median", "90th", "largest", "n"]
    return Table(columns, [False, True, False, True, True, True, True], rows)


def _change_bar(change: float, reach: float) -> Markup:
    """To the right of the line: worse without the term, so it is needed."""
    zero, full = 44.0, _WIDTH - 50.0
    length = abs(change) / reach * (full if change >= 0 else zero - 4)
    start = zero if change >= 0 else zero - length
    bar = element(
        "rect", x=start, y=4, width=max(length, 0.75), height=_HEIGHT - 8, class_="needed" if change > 0 else "spare"
    )
    line = element("line", x1=zero, x2=zero, y1=0, y2=_HEIGHT, class_="zero")
    return _small(points(change), bar, line, class_="changes")


# Changes that were predicted and then made.


def whatif_table(found: Sequence[Mapping[str, Any]]) -> Table | None:
    """What a change was predicted to gain and what it gained; changes without a name or without numbers are left out."""
    kept = [each for each in found if each.get("name") and as_number(each.get("predicted")) is not None]
    if not kept:
        return None
    gains = [as_number(each.get(key)) for each in kept for key in ("predicted", "measured")]
    low, high = min(0.0, *(gain for gain in gains if gain is not None)), max(gain for gain in gains if gain is not None)
    x = Scale(low, max(high, low + 0.01), 8, _WIDTH - 8)
    rows = [_whatif_row(each, x) for each in kept]
    columns = ["change", "predicted gain", "measured gain", "hollow: predicted, filled: measured", "difference"]
    return Table(columns, [False, True, True, False, True], rows)


def _whatif_row(each: Mapping[str, Any], x: Scale) -> list[Cell]:
    predicted, measured = as_number(each.get("predicted")) or 0.0, as_number(each.get("measured"))
    difference = None if measured is None else predicted - measured
    return [
        Cell(str(each["name"]), more=str(each.get("note") or "")),
        _gain(predicted, each.get("predicted_interval")),
        Cell("not made") if measured is None else _gain(measured, each.get("measured_interval")),
        Cell("", predicted, drawing=_gain_marks(predicted, measured, x)),
        Cell("") if difference is None else Cell(points(difference), difference),
    ]


def _gain(value: float, interval: Any) -> Cell:
    bounds = cast("list[Any]", interval) if isinstance(interval, list | tuple) else []
    ends = [end for each in bounds if (end := as_number(each)) is not None]
    between = f" [{', '.join(f'{100 * end:.0f}'.replace('-', MINUS) for end in ends)}]" if len(ends) == 2 else ""
    return Cell(f"{percent(value, signed=True)}{between}", value)


def _gain_marks(predicted: float, measured: float | None, x: Scale) -> Markup:
    half = _HEIGHT / 2
    parts = [element("line", x1=x(0), x2=x(0), y1=0, y2=_HEIGHT, class_="zero")]
    words = f"predicted {percent(predicted, signed=True)}"
    if measured is not None:
        words += f", measured {percent(measured, signed=True)}"
        parts.append(element("line", x1=x(predicted), x2=x(measured), y1=half, y2=half, class_="reach"))
        parts.append(mark("diamond", "solid", x(measured), half))
    parts.append(element("circle", cx=x(predicted), cy=half, r=4, class_="hollow"))
    return _small(words, *parts, class_="gains series s1")
