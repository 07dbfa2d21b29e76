"""Tables of runs as the report shows them: what every cell reads and by what it is sorted.

It puts numbers into words and columns; what stands around the table is for the template.
"""

from __future__ import annotations

from dataclasses import dataclass

from .report_numbers import percent, times, with_interval
from .report_runs import Run, gil_words, is_number, value_of
from .report_svg import Markup, seconds, significant


@dataclass(frozen=True, slots=True)
class Cell:
    """``key`` is the number it is sorted by; without one its text is. ``more`` is set small below the text."""

    text: str
    key: float | None = None
    more: str = ""
    drawing: Markup | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """``numeric`` says which columns are right-aligned."""

    columns: list[str]
    numeric: list[bool]
    rows: list[list[Cell]]

    def texts(self) -> list[list[str]]:
        """What the cells read."""
        return [[cell.text for cell in row] for row in self.rows]


_Column = tuple[str, bool, list[Cell]]


def _table(columns: list[_Column]) -> Table:
    return Table(
        columns=[name for name, _, _ in columns],
        numeric=[numeric for _, numeric, _ in columns],
        rows=[list(row) for row in zip(*(cells for _, _, cells in columns), strict=True)],
    )


def _configuration(runs: list[Run]) -> list[_Column]:
    """What tells the runs apart: parameters, cores, GIL."""
    names = list(dict.fromkeys(name for run in runs for name in run.params))
    if len(runs) > 1:
        # What all runs have in common is said once above the table.
        names = [name for name in names if len({repr(run.params.get(name)) for run in runs}) > 1]
    columns: list[_Column] = []
    for name in names:
        numeric = all(is_number(value_of(run, name)) for run in runs)
        cells = [Cell(str(run.params.get(name, "")), float(run.params[name]) if numeric else None) for run in runs]
        columns.append((name, numeric, cells))
    if any(run.cores is not None for run in runs):
        columns.append(("cores", True, [_count(run.cores) for run in runs]))
    if any(run.gil is not None for run in runs):
        columns.append(("GIL", False, [Cell(gil_words(run.gil).removeprefix("GIL ")) for run in runs]))
    return columns


def _count(value: int | None) -> Cell:
    return Cell("") if value is None else Cell(str(value), float(value))


def _share(value: float | None, *, signed: bool = False) -> Cell:
    return Cell("") if value is None else Cell(percent(value, signed=signed), value)


def _time(value: float | None, interval: tuple[float, float] | None = None) -> Cell:
    return Cell("") if value is None else Cell(with_interval(value, interval), value)


def _speedup(run: Run) -> Cell:
    if run.speedup is None:
        return Cell("")
    interval = run.speedup_interval
    between = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return Cell(times(run.speedup) + between, run.speedup)


def prediction_table(runs: list[Run]) -> Table:
    """One row a run; columns that no run fills are left out."""
    latencies = [run.latency or {} for run in runs]
    wanted: list[_Column] = [
        ("predicted", True, [Cell(seconds(run.seconds), run.seconds) for run in runs]),
        ("speedup [interval]", True, [_speedup(run) for run in runs]),
        ("cores busy", True, [_share(run.utilisation) for run in runs]),
        (
            "throughput",
            True,
            [
                Cell("") if run.throughput is None else Cell(f"{significant(run.throughput)} /s", run.throughput)
                for run in runs
            ],
        ),
        *(
            (f"latency {name}", True, [_time(found.get(name)) for found in latencies])
            for name in dict.fromkeys(name for found in latencies for name in found)
        ),
    ]
    return _table(_configuration(runs) + [column for column in wanted if any(cell.text for cell in column[2])])


def _used(run: Run) -> Cell:
    """How many runs the median is of: disturbed ones are left out unless most were (real_runs/validation.py)."""
    count = len(run.measurements())
    left = count - run.disturbed
    return Cell(f"{left} of {count}" if run.disturbed and 2 * left >= count else str(count or ""), float(count))


def _believed(run: Run) -> Cell:
    """The time, or outside the envelope what it cannot be below."""
    if run.envelope_reason and run.bound_seconds is not None:
        return Cell(f"at least {seconds(run.bound_seconds)}", run.bound_seconds)
    return _time(run.seconds, run.predicted_interval)


def validation_table(runs: list[Run]) -> Table:
    """One row a run, predicted beside measured; errors are signed."""
    columns: list[_Column] = [
        *_configuration(runs),
        ("predicted [interval]", True, [_believed(run) for run in runs]),
        ("measured [interval]", True, [_time(run.measured_seconds, run.measured_interval) for run in runs]),
        ("error", True, [_share(run.error, signed=True) for run in runs]),
    ]
    if any(run.noise_floor is not None for run in runs):
        columns.append(("noise floor", True, [_share(run.noise_floor) for run in runs]))
    return _table([*columns, ("runs", True, [_used(run) for run in runs])])
