"""The configurations of a validated suite: what each is called, its row in the table, its mark in the charts.

It reads the rows of a SuiteResult and judges nothing: verdicts and errors are the result's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .real_runs.suite_result import SuiteResult, SuiteRow
from .report_errors import NEAR, Pair
from .report_numbers import percent, times, with_interval
from .report_svg import element
from .report_tables import Cell

TONES = {"right": "right", "wrong": "wrong", "bound only": "bound", "no verdict": "none"}
"""The mark of each verdict, a key of report_errors.SHAPES."""
_BADGES = {"right": "good", "wrong": "bad", "bound only": "plain", "no verdict": "warn"}


@dataclass(frozen=True, slots=True)
class Named:
    """A row with its name for readers and the id of its row in the table."""

    row: SuiteRow
    anchor: str
    name: str
    """Everything: ``one lock, 2/3: 4 threads, pinned``."""
    setting: str
    """Without the workload: ``4 threads, pinned``."""

    @property
    def counted(self) -> bool:
        """Of the pinned and the unpinned measurement of a configuration, is this the one that is summed up?"""
        return self.row.judged

    @property
    def pair(self) -> Pair | None:
        """Its point in the charts; None when it was not measured."""
        row = self.row
        if not row.measured_seconds or row.predicted_seconds <= 0:
            return None
        return Pair(
            name=self.name,
            predicted=row.predicted_seconds,
            measured=row.measured_seconds,
            predicted_interval=row.predicted_interval,
            measured_interval=row.measured_interval,
            tone=TONES[row.verdict],
            row=self.anchor,
        )


def named_rows(result: SuiteResult, anchor: str = "") -> list[Named]:
    """All rows, in their order."""
    pins: dict[str, set[bool]] = {}
    alike: dict[tuple[str, int, bool], list[SuiteRow]] = {}
    for row in result.rows:
        pins.setdefault(row.workload, set()).add(row.pinned)
        alike.setdefault((row.workload, row.threads, row.pinned), []).append(row)
    found: list[Named] = []
    for number, row in enumerate(result.rows, 1):
        setting = threads_in_words(row.threads)
        if len(pins[row.workload]) > 1:
            setting += ", pinned" if row.pinned else ", not pinned"
        setting += "".join(f", {word}" for word in _telling(row, alike[row.workload, row.threads, row.pinned]))
        found.append(Named(row, f"{anchor}r{number}", f"{row.workload}: {setting}", setting))
    return found


def threads_in_words(count: int) -> str:
    """``1 thread``, ``4 threads``."""
    return "1 thread" if count == 1 else f"{count} threads"


def _telling(row: SuiteRow, others: list[SuiteRow]) -> list[str]:
    """What tells the row apart from others of its workload with as many threads: parameters, cores, the GIL."""
    names = [name for name in row.params if len({repr(other.params.get(name)) for other in others}) > 1]
    words = [f"{name}={row.params[name]}" for name in names]
    if len({other.cores for other in others}) > 1:
        words.append("1 core" if row.cores == 1 else f"{row.cores} cores")
    if len({other.gil for other in others}) > 1:
        words.append("GIL on" if row.gil else "GIL off")
    return words


# The table.


@dataclass(frozen=True, slots=True)
class TableRow:
    """``facets`` are what it can be filtered by: attribute and value."""

    anchor: str
    cells: list[Cell]
    facets: dict[str, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice among the values of one facet."""

    facet: str
    label: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class RowsTable:
    """Every configuration, predicted beside measured."""

    columns: list[str]
    numeric: list[bool]
    rows: list[TableRow]
    filters: list[Filter]


_COLUMNS = (
    ("workload", False),
    ("threads", True),
    ("pinned", False),
    ("predicted [interval]", True),
    ("measured [interval]", True),
    ("error", True),
    ("noise floor", True),
    ("speedup / measured", True),
    ("clean runs", True),
    ("envelope", False),
    ("verdict", False),
)


def rows_table(rows: list[Named]) -> RowsTable:
    """Signed errors, both intervals, the noise floor and the verdict of every configuration."""
    drawn = [TableRow(each.anchor, _cells(each), _facets(each.row)) for each in rows]
    labels = {
        "family": "Family",
        "split": "Split",
        "threads": "Threads",
        "pinned": "Pinned",
        "verdict": "Verdict",
        "counted": "Summed up",
    }
    filters: list[Filter] = []
    for facet, label in labels.items():
        values = list(dict.fromkeys(row.facets[facet] for row in drawn))
        if len(values) > 1:
            filters.append(Filter(facet, label, sorted(values) if facet == "threads" else values))
    return RowsTable([name for name, _ in _COLUMNS], [numeric for _, numeric in _COLUMNS], drawn, filters)


def _facets(row: SuiteRow) -> dict[str, str]:
    return {
        "family": row.family,
        "split": row.split,
        "threads": str(row.threads),
        "pinned": "pinned" if row.pinned else "not pinned",
        "verdict": row.verdict,
        "counted": "counted" if row.judged else "beside",
    }


def _cells(each: Named) -> list[Cell]:
    row = each.row
    more = f"{row.family}, {row.split}" if row.family != row.workload else row.split
    extra = each.setting.partition(", ")[2].removeprefix("not pinned").removeprefix("pinned").removeprefix(", ")
    words = [word for word in (more, extra, "" if row.judged else "not summed up") if word]
    return [
        Cell(row.workload, more="; ".join(words)),
        Cell(str(row.threads), float(row.threads)),
        Cell("yes" if row.pinned else "no"),
        Cell(with_interval(row.predicted_seconds, row.predicted_interval), row.predicted_seconds),
        _measured(row),
        Cell("") if row.error is None else _error(row.error),
        Cell("") if row.noise_floor is None else Cell(percent(row.noise_floor), row.noise_floor),
        _speedups(row),
        Cell(f"{row.clean} of {row.clean + row.dropped}" if row.clean + row.dropped else "", float(row.clean)),
        Cell("inside" if row.inside_envelope else "outside"),
        Cell(
            row.verdict,
            more="; ".join(words for words in (row.envelope_reason, row.note) if words),
            tone=_BADGES[row.verdict],
        ),
    ]


_RAW_APART = 0.005
_BAR_WIDTH = 64
_BAR_LIMIT = 0.10
"""Errors beyond it fill the bar: it is for the eye that runs down the column, the number stands above it."""


def _error(error: float) -> Cell:
    """With a small bar to the left (too fast) or right (too slow) of the middle."""
    half = _BAR_WIDTH / 2
    length = min(abs(error) / _BAR_LIMIT, 1.0) * half
    start = half if error > 0 else half - length
    bar = element(
        "svg",
        element("rect", x=0, y=2, width=_BAR_WIDTH, height=2, class_="rail"),
        element(
            "rect", x=start, y=0, width=max(length, 1.0), height=6, class_="needed" if abs(error) <= NEAR else "spare"
        ),
        width=_BAR_WIDTH,
        height=6,
        class_="error-bar",
        aria_hidden="true",
    )
    return Cell(percent(error, signed=True), error, drawing=bar)


def _measured(row: SuiteRow) -> Cell:
    """The clean runs; below it all runs, where leaving some out made a difference that is seen."""
    raw = ""
    if row.raw_seconds and (not row.measured_seconds or abs(row.raw_seconds / row.measured_seconds - 1) >= _RAW_APART):
        raw = f"all runs: {with_interval(row.raw_seconds, None)}"
    if row.measured_seconds is None:
        return Cell("", more=raw)
    return Cell(with_interval(row.measured_seconds, row.measured_interval), row.measured_seconds, more=raw)


def _speedups(row: SuiteRow) -> Cell:
    measured = "" if row.measured_speedup is None else f" / {times(row.measured_speedup)}"
    return Cell(f"{times(row.speedup)}{measured}", row.speedup)


def as_number(value: Any) -> float | None:
    """A JSON number, or None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
