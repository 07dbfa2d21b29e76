"""Predictions and what was measured against them: the runs, a chart of seconds or speedup, tables and state shares.

It reads the JSON of ``weft predict`` and ``weft validate`` and computes nothing but what a chart needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import msgspec

from .report_svg import Markup, element, seconds, significant, ticks, time_unit

SERIES_MAX = 8
"""Lines one chart can hold and a reader can tell apart; the table below it has them all."""


class Run(msgspec.Struct, kw_only=True):
    """One simulated configuration, with its measurement when there is one (interface.md, "predict" and "validate").

    ``interval`` is that of the speedup, ``seconds_interval`` that of the seconds; either is worked out from the other.
    """

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None
    seconds: float
    seconds_interval: tuple[float, float] | None = None
    speedup: float | None = None
    interval: tuple[float, float] | None = None
    utilisation: float | None = None
    latency: dict[str, float] | None = None
    throughput: float | None = None
    time_in: dict[str, float] = {}
    bottleneck: str | None = None
    measured_seconds: float | None = None
    measured_interval: tuple[float, float] | None = None
    measured_speedup: float | None = None
    measured_speedup_interval: tuple[float, float] | None = None
    error: float | None = None
    disturbed: int = 0
    note: str = ""
    noise_floor: float | None = None
    samples: Any = None

    @property
    def predicted_interval(self) -> tuple[float, float] | None:
        """In seconds: given, or the baseline's time over each end of the speedup's interval."""
        return self.seconds_interval or self._over_baseline(self.interval)

    @property
    def speedup_interval(self) -> tuple[float, float] | None:
        return self.interval or self._over_baseline(self.seconds_interval)

    def _over_baseline(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        """From an interval of seconds to one of speedups and back: their product is the baseline's time."""
        if interval is None or self.speedup is None or min(interval) <= 0:
            return None
        baseline = self.seconds * self.speedup
        return baseline / interval[1], baseline / interval[0]

    def measurements(self) -> list[float]:
        """The raw samples in seconds, from a list of numbers or of objects with ``seconds``."""
        found: list[float] = []
        items = cast(list[Any], self.samples) if isinstance(self.samples, list) else []
        for item in items:
            value = cast(dict[str, Any], item).get("seconds") if isinstance(item, dict) else item
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(float(value))
        return found


class Unfinished(msgspec.Struct, kw_only=True):
    """A configuration that never ended in virtual time, with one sentence for each thread that waits for ever."""

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None
    reason: str = ""
    stuck: list[str] = []


class Base(msgspec.Struct, kw_only=True):
    """What the speedups of one GIL mode are relative to."""

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None


class Prediction(msgspec.Struct, kw_only=True):
    """A whole ``predict`` or ``validate`` result; the keys about its making are shown when they are there."""

    runs: list[Run]
    laws: dict[str, Any] = {}
    weft: str = ""
    command: str = "predict"
    target: str = ""
    seed: int | None = None
    parameters: dict[str, Any] = {}
    limits: list[str] = []
    notes: list[str] = []
    unfinished: list[Unfinished] = []
    base: list[Base] | None = None
    repeat: int | None = None
    machine: Any = None
    profile: Any = None
    error_median: float | None = None
    error_max: float | None = None
    sign_right: float | None = None
    max_error: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """What a sweep varies: ``x`` is ``cores`` or a parameter, or empty; ``others`` tell the series apart.

    What changes in step with x, as workers may with cores, is ``along`` and makes no series of its own.
    """

    x: str
    others: list[str]
    along: list[str]
    both_gils: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The runs that differ only in x, in its order. ``tone`` numbers colour, dash and marker from 1."""

    label: str
    tone: int
    runs: list[Run]


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawn chart with its legend: (css class, text) pairs."""

    title: str
    plot: Markup
    keys: list[tuple[int, str]]
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    """``numeric`` says which columns are right-aligned."""

    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Share:
    """A stretch of a state bar, in percent."""

    name: str
    fill: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """Where the time of one run went. ``bottleneck`` is the run's own words."""

    label: str
    shares: list[Share]
    bottleneck: str


def value_of(run: Run, name: str) -> Any:
    return run.cores if name == "cores" else run.params.get(name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def axis_of(runs: list[Run]) -> Axis:
    """Cores when they vary; else the workers or threads; else the first parameter that is a varying number."""
    names = ["cores", *dict.fromkeys(name for run in runs for name in run.params)]
    varying = [name for name in names if len({repr(value_of(run, name)) for run in runs}) > 1]
    numbers = [name for name in varying if all(_is_number(value_of(run, name)) for run in runs)]
    preferred = [name for name in numbers if name in ("cores", "workers", "threads")]
    x = (preferred or numbers or ["cores"])[0]
    both_gils = len({run.gil for run in runs}) > 1
    others = [name for name in varying if name != x and not _goes_along(runs, x, name)]
    return Axis(x if varying else "", others, [name for name in varying if name not in (x, *others)], both_gils)


def _goes_along(runs: list[Run], x: str, name: str) -> bool:
    """Does ``name`` take one value for each value of x, as workers do that are as many as the cores?"""
    return len({(repr(value_of(run, x)), repr(value_of(run, name))) for run in runs}) == len(
        {repr(value_of(run, x)) for run in runs}
    )


def _setting(name: str, value: Any) -> str:
    if name == "cores":
        return "1 core" if value == 1 else f"{value} cores"
    return f"{name}={value}"


def _gil(gil: bool | None) -> str:
    return "" if gil is None else "GIL on" if gil else "GIL off"


def configuration(run: Run | Unfinished | Base) -> str:
    """All of it, in words."""
    parts = [_setting("cores", run.cores)] if run.cores is not None else []
    parts += [_setting(name, value) for name, value in run.params.items()]
    return ", ".join([*parts, *([_gil(run.gil)] if run.gil is not None else [])])


def label_of(run: Run | Base, axis: Axis, *, gil: bool = True) -> str:
    """What sets the run apart, in words: ``4 cores, workers=2, GIL off``."""
    varying = [axis.x, *axis.others, *axis.along]
    parts = [_setting("cores", run.cores)] if "cores" in varying and run.cores is not None else []
    parts += [_setting(name, value) for name, value in run.params.items() if name in varying]
    if gil and axis.both_gils:
        parts.append(_gil(run.gil))
    return ", ".join(parts) or "the only configuration"


def constants_of(runs: list[Run], axis: Axis) -> str:
    """What all runs have in common, in words."""
    varying = [axis.x, *axis.others, *axis.along]
    first = runs[0]
    parts = [_setting("cores", first.cores)] if "cores" not in varying and first.cores is not None else []
    parts += [_setting(name, value) for name, value in first.params.items() if name not in varying]
    if not axis.both_gils:
        parts.append(_gil(first.gil))
    return ", ".join(part for part in parts if part)


def series_of(runs: list[Run], axis: Axis) -> list[Series]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if _is_number(value_of(run, axis.x)):
            parts = [_setting(name, value_of(run, name)) for name in axis.others]
            if axis.both_gils:
                parts.append(_gil(run.gil))
            groups.setdefault(", ".join(parts) or "all runs", []).append(run)
    return [
        Series(label, index, sorted(members, key=lambda run: value_of(run, axis.x)))
        for index, (label, members) in enumerate(groups.items(), 1)
    ]


# Charts.

_WIDTH, _HEIGHT = 440, 300
_PLOT_LEFT, _PLOT_RIGHT, _PLOT_TOP, _PLOT_BOTTOM = 46, 428, 14, 258


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    y: float
    band: tuple[float, float] | None
    measured: float | None
    bar: tuple[float, float] | None
    samples: list[float]


class _Scale:
    """From values to places in the plot."""

    __slots__ = ("_x_high", "_x_low", "_y_high")

    def __init__(self, xs: list[float], y_high: float) -> None:
        low, high = min(xs), max(xs)
        margin = (high - low) * 0.06 or 0.5
        self._x_low, self._x_high = low - margin, high + margin
        self._y_high = y_high

    def x(self, value: float) -> float:
        return _PLOT_LEFT + (value - self._x_low) / (self._x_high - self._x_low) * (_PLOT_RIGHT - _PLOT_LEFT)

    def y(self, value: float) -> float:
        return _PLOT_BOTTOM - min(value, self._y_high) / self._y_high * (_PLOT_BOTTOM - _PLOT_TOP)


def charts(runs: list[Run]) -> list[Chart]:
    """Speedup when the runs have it, and seconds; nothing for a single run."""
    if len(runs) < 2:
        return []
    axis = axis_of(runs)
    found = series_of(runs, axis)
    if not found:
        return []
    note = ""
    if len(found) > SERIES_MAX:
        note = f"The first {SERIES_MAX} of {len(found)} series are drawn; the table has them all."
        found = found[:SERIES_MAX]
    drawn: list[Chart] = []
    speedups = [(series, _speedup_points(series, axis)) for series in found]
    if all(points for _, points in speedups):
        drawn.append(_chart("Speedup", speedups, axis, note, ideal=axis.x in ("cores", "workers", "threads")))
    taken = [(series, _seconds_points(series, axis)) for series in found]
    return [*drawn, _chart("Seconds", taken, axis, note, ideal=False)]


def _seconds_points(series: Series, axis: Axis) -> list[_Point]:
    return [
        _Point(
            float(value_of(run, axis.x)),
            run.seconds,
            run.predicted_interval,
            run.measured_seconds,
            run.measured_interval,
            run.measurements(),
        )
        for run in series.runs
    ]


def _speedup_points(series: Series, axis: Axis) -> list[_Point]:
    """Empty when a run has no speedup. A measured one is given, or the ratio to the measured run whose speedup is 1."""
    base = next((run.measured_seconds for run in series.runs if run.speedup == 1 and run.measured_seconds), None)
    points: list[_Point] = []
    for run in series.runs:
        if run.speedup is None or not isfinite(run.speedup):
            return []
        measured, bar = run.measured_speedup, run.measured_speedup_interval
        if measured is None and base and run.measured_seconds:
            measured = base / run.measured_seconds
            if run.measured_interval and run.measured_interval[0] > 0:
                bar = (base / run.measured_interval[1], base / run.measured_interval[0])
        points.append(_Point(float(value_of(run, axis.x)), run.speedup, run.speedup_interval, measured, bar, []))
    return points


def _chart(title: str, drawn: list[tuple[Series, list[_Point]]], axis: Axis, note: str, *, ideal: bool) -> Chart:
    points = [point for _, found in drawn for point in found]
    xs = sorted({point.x for point in points})
    tops = [value for point in points for value in (point.y, *(point.band or ()), point.measured, *(point.bar or ()))]
    top = max(value for value in tops if value is not None) or 1.0
    scale = _Scale(xs, top * (1.3 if ideal else 1.1))
    parts = [_frame(title, axis, xs, scale, top)]
    if ideal:
        parts.append(_ideal(xs, scale, top * 1.3))
    for series, found in drawn:
        parts.append(_curve(series, found, scale))
    for series, found in drawn:
        parts.append(_measured(series, found, scale))
    keys = [(series.tone, series.label) for series, _ in drawn]
    words = f"{title} against {axis.x}. " + "; ".join(
        f"{series.label}: " + ", ".join(_spoken(point) for point in found) for series, found in drawn
    )
    plot = element(
        "svg", element("title", words), *parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="chart", role="img",
        aria_label=words,
    )  # fmt: skip
    return Chart(title, plot, keys, note)


def _spoken(point: _Point) -> str:
    measured = "" if point.measured is None else f" (measured {significant(point.measured)})"
    return f"{significant(point.y)}{measured} at {point.x:g}"


def _frame(title: str, axis: Axis, xs: list[float], scale: _Scale, top: float) -> Markup:
    parts: list[Markup] = []
    for value in ticks(0, top * 1.05, 6):
        y = scale.y(value)
        parts.append(element("line", x1=_PLOT_LEFT, x2=_PLOT_RIGHT, y1=y, y2=y, class_="zero" if value == 0 else None))
        parts.append(element("text", f"{value:.4g}", x=_PLOT_LEFT - 8, y=y + 4, text_anchor="end"))
    last = -100.0
    for value in xs:
        x = scale.x(value)
        parts.append(element("line", x1=x, x2=x, y1=_PLOT_BOTTOM, y2=_PLOT_BOTTOM + 5, class_="zero"))
        if x - last > 24:
            parts.append(element("text", f"{value:g}", x=x, y=_PLOT_BOTTOM + 19, text_anchor="middle"))
            last = x
    parts.append(element("text", axis.x, x=(_PLOT_LEFT + _PLOT_RIGHT) / 2, y=_HEIGHT - 6, text_anchor="middle"))
    return element("g", *parts, class_="frame")


def _ideal(xs: list[float], scale: _Scale, top: float) -> Markup:
    """As many times faster as there are cores or workers; it leaves the chart where it passes the top."""
    first = xs[0]
    end = min(xs[-1], top * first)
    y = end / first
    x_end, y_end = scale.x(end), scale.y(y)
    return element(
        "g",
        element("line", x1=scale.x(first), y1=scale.y(1), x2=x_end, y2=y_end),
        element("text", "ideal", x=x_end - 16, y=max(y_end + 4, _PLOT_TOP + 10), text_anchor="end"),
        class_="ideal",
    )


def _curve(series: Series, found: list[_Point], scale: _Scale) -> Markup:
    class_ = f"series s{series.tone}"
    parts: list[Markup] = []
    bands = [(point.x, point.band) for point in found if point.band is not None]
    if len(bands) > 1:
        there = [f"{scale.x(x):.1f} {scale.y(band[1]):.1f}" for x, band in bands]
        back = [f"{scale.x(x):.1f} {scale.y(band[0]):.1f}" for x, band in reversed(bands)]
        parts.append(element("path", d="M" + "L".join(there + back) + "Z", class_="band"))
    elif bands:
        x, band = bands[0]
        parts.append(_whisker(scale.x(x), scale.y(band[0]), scale.y(band[1])))
    line = "L".join(f"{scale.x(point.x):.1f} {scale.y(point.y):.1f}" for point in found)
    parts.append(element("path", d=f"M{line}", class_="curve"))
    for point in found:
        parts.append(element("circle", cx=scale.x(point.x), cy=scale.y(point.y), r=4, class_="hollow"))
    return element("g", *parts, class_=class_)


def _measured(series: Series, found: list[_Point], scale: _Scale) -> Markup:
    parts: list[Markup] = []
    for point in found:
        if point.measured is None:
            continue
        x, y = scale.x(point.x), scale.y(point.measured)
        parts += [
            element("circle", cx=x + 11 + 3 * (index % 3), cy=scale.y(value), r=1.4, class_="sample")
            for index, value in enumerate(point.samples[:60])
        ]
        if point.bar is not None:
            parts.append(_whisker(x, scale.y(point.bar[0]), scale.y(point.bar[1])))
        parts.append(element("path", d=f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z", class_="solid"))
    return element("g", *parts, class_=f"series s{series.tone}")


def _whisker(x: float, low: float, high: float) -> Markup:
    return element(
        "path", d=f"M{x - 5:.1f} {low:.1f}h10M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {high:.1f}h10", class_="whisker"
    )


# Tables.


def _with_interval(value: float, interval: tuple[float, float] | None) -> str:
    """``541 [525, 558] ms``: one unit for all three."""
    scale, unit = time_unit(abs(value) * 1e9 or 1)

    def show(number: float) -> str:
        return significant(number * 1e9 / scale)

    between = "" if interval is None else f" [{show(interval[0])}, {show(interval[1])}]"
    return f"{show(value)}{between} {unit}"


def percent(share: float, *, signed: bool = False) -> str:
    """``+2.1 %`` with a true minus sign; one decimal below ten percent."""
    value = 100 * share
    digits = 1 if abs(value) < 10 else 0
    return f"{value:{'+' if signed else ''}.{digits}f} %".replace("-", "\N{MINUS SIGN}")


def _configuration(runs: list[Run]) -> tuple[list[str], list[bool], list[list[str]]]:
    """The columns that tell runs apart: parameters, cores, GIL; as text and whether each is a column of numbers."""
    names = list(dict.fromkeys(name for run in runs for name in run.params))
    if len(runs) > 1:
        # What all runs have in common is said once above the table.
        names = [name for name in names if len({repr(run.params.get(name)) for run in runs}) > 1]
    columns, numeric = [*names], [all(_is_number(value_of(run, name)) for run in runs) for name in names]
    cells = [[str(run.params.get(name, "")) for name in names] for run in runs]
    if any(run.cores is not None for run in runs):
        columns.append("cores")
        numeric.append(True)
        for row, run in zip(cells, runs, strict=True):
            row.append("" if run.cores is None else str(run.cores))
    if any(run.gil is not None for run in runs):
        columns.append("GIL")
        numeric.append(False)
        for row, run in zip(cells, runs, strict=True):
            row.append(_gil(run.gil).removeprefix("GIL "))
    return columns, numeric, cells


def times(factor: float) -> str:
    """``3.12×``."""
    return f"{factor:.2f}\N{MULTIPLICATION SIGN}"


def _speedup(run: Run) -> str:
    if run.speedup is None:
        return ""
    interval = run.speedup_interval
    return times(run.speedup) + ("" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]")


def prediction_table(runs: list[Run]) -> Table:
    columns, numeric, rows = _configuration(runs)
    latencies = [run.latency or {} for run in runs]
    wanted: list[tuple[str, list[str]]] = [
        ("predicted", [seconds(run.seconds) for run in runs]),
        ("speedup [interval]", [_speedup(run) for run in runs]),
        ("cores busy", ["" if run.utilisation is None else percent(run.utilisation) for run in runs]),
        ("throughput", ["" if run.throughput is None else f"{significant(run.throughput)} /s" for run in runs]),
        *(
            (f"latency {name}", [seconds(found[name]) if name in found else "" for found in latencies])
            for name in dict.fromkeys(name for found in latencies for name in found)
        ),
    ]
    for name, cells in wanted:
        if any(cells):
            columns.append(name)
            numeric.append(True)
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)
    return Table(columns, numeric, rows)


def _used(run: Run) -> str:
    """How many runs the median is of: disturbed ones are left out unless most were (real_runs/validation.py)."""
    count = len(run.measurements())
    left = count - run.disturbed
    return f"{left} of {count}" if run.disturbed and 2 * left >= count else str(count or "")


def validation_table(runs: list[Run]) -> Table:
    columns, numeric, rows = _configuration(runs)
    floor = any(run.noise_floor is not None for run in runs)
    columns += ["predicted [interval]", "measured [interval]", "error", *(["noise floor"] if floor else []), "runs"]
    numeric += [True] * (len(columns) - len(numeric))
    for row, run in zip(rows, runs, strict=True):
        row.append(_with_interval(run.seconds, run.predicted_interval))
        row.append("" if run.measured_seconds is None else _with_interval(run.measured_seconds, run.measured_interval))
        row.append("" if run.error is None else percent(run.error, signed=True))
        if floor:
            row.append("" if run.noise_floor is None else percent(run.noise_floor))
        row.append(_used(run))
    return Table(columns, numeric, rows)


# Where the time went.

_FILLS = {
    "running": "running",
    "ready": "ready",
    "lock wait": "blocked",
    "gil wait": "gil",
    "sleeping": "sleeping",
    "io": "release",
    "gpu wait": "other",
    "idle": "sleeping",
    "join wait": "join",
}
"""The fill of each state, in the order in which bars show them."""
BARS_MAX = 24


def bars(runs: list[Run]) -> tuple[list[Bar], list[tuple[str, str]]]:
    """One bar a run that says where its time went, and the legend: (fill, state)."""
    axis = axis_of(runs)
    drawn: list[Bar] = []
    legend: dict[str, str] = {}
    for run in runs[:BARS_MAX]:
        total = sum(max(value, 0) for value in run.time_in.values())
        if not total:
            continue
        shares: list[Share] = []
        start = 0.0
        order = [*_FILLS, *(name for name in run.time_in if name not in _FILLS)]
        for name in order:
            width = 100 * max(run.time_in.get(name, 0), 0) / total
            if width > 0:
                shares.append(Share(name, _FILLS.get(name, "other"), start, width))
                legend[name] = _FILLS.get(name, "other")
                start += width
        drawn.append(Bar(label_of(run, axis), shares, run.bottleneck or ""))
    ordered = sorted(legend, key=lambda name: list(_FILLS).index(name) if name in _FILLS else len(_FILLS))
    return drawn, [(legend[name], name) for name in ordered]
