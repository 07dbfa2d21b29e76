"""Speedup and seconds of a sweep as curves: predicted with its band, measured points, and the laws beside them.

It draws the runs of ``weft predict`` and ``weft validate``; the curves of a whole suite are report_suite_curves.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from .report_numbers import times
from .report_plot import TEXT_HEIGHT, Frame, Scale, Ticks, area, chart, frame, mark, path, spread, whisker
from .report_runs import Axis, Run, Series, axis_of, series_of, value_of
from .report_svg import Markup, element, seconds, significant, time_unit
from .simcore.laws import Amdahl, CriticalPathBound, Usl

SERIES_MAX = 8
"""Lines one chart can hold and a reader can tell apart; the table below it has them all."""
_LAWS_SERIES_MAX = 2
"""Series that laws are drawn for: of more, nobody could say which line is whose."""
_BOX = Frame(width=440, height=310, left=46, right=428, top=24, bottom=262)
_LAW_ROOM = 66
"""Pixels at the right that the laws' names take."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawn chart with its legend: (tone, text) pairs."""

    title: str
    plot: Markup
    keys: list[tuple[int, str]]
    note: str


@dataclass(frozen=True, slots=True)
class Point:
    """One run. ``band`` is the prediction's interval, ``bar`` the measurement's; ``words`` tell it all."""

    x: float
    y: float
    band: tuple[float, float] | None
    measured: float | None
    bar: tuple[float, float] | None
    samples: list[float]
    words: str


@dataclass(frozen=True, slots=True)
class Law:
    """A fitted law in units of speedup: its name for readers, its CSS class, the tone of its series, and the curve."""

    name: str
    class_: str
    tone: int
    at: Callable[[float], float]


def charts(runs: list[Run], laws: dict[str, Any] | None = None) -> list[Chart]:
    """Speedup when the runs have it, and seconds; nothing for a single run. ``laws`` are those of the result."""
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
        beside = laws_of(found, laws or {}) if axis.x == "cores" and len(found) <= _LAWS_SERIES_MAX else []
        drawn.append(_speedup_chart(speedups, axis, note, beside))
    taken = [(series, _seconds_points(series, axis)) for series in found]
    return [*drawn, _seconds_chart(taken, axis, note)]


def laws_of(found: list[Series], laws: dict[str, Any]) -> list[Law]:
    """The fitted laws of each series' GIL mode, as speedups over the base that its predictions are relative to."""
    curves: list[Law] = []
    for series in found:
        run = series.runs[0]
        if run.gil is None or run.speedup is None:
            continue
        base_seconds = run.seconds * run.speedup
        for name, key, read in _READERS:
            values = cast("dict[str, Any]", laws.get(key) or {}).get("gil on" if run.gil else "gil off")
            seconds_at = read(cast("dict[str, Any]", values)) if isinstance(values, dict) else None
            if seconds_at is not None:
                curves.append(Law(name, key.replace("_", "-"), series.tone, _speedup_over(base_seconds, seconds_at)))
    return curves


def _speedup_over(base_seconds: float, seconds_at: Callable[[float], float]) -> Callable[[float], float]:
    return lambda cores: base_seconds / seconds_at(cores)


def _amdahl(values: dict[str, Any]) -> Callable[[float], float] | None:
    one, share = values.get("one_core_seconds"), values.get("serial_fraction")
    return Amdahl(one * share, one * (1 - share)).seconds if one and share is not None else None


def _usl(values: dict[str, Any]) -> Callable[[float], float] | None:
    one, contention = values.get("one_core_seconds"), values.get("contention")
    return Usl(one, contention, values.get("coherency") or 0.0).seconds if one and contention is not None else None


def _bound(values: dict[str, Any]) -> Callable[[float], float] | None:
    work, span = values.get("work_seconds"), values.get("span_seconds")
    return CriticalPathBound(work, span).seconds if work and span is not None else None


_READERS = (("Amdahl", "amdahl", _amdahl), ("USL", "usl", _usl), ("bound", "critical_path", _bound))
"""Name for readers, key among the laws, and what makes a curve of seconds from its numbers. Gustafson's law is about
more work on more cores and has no place among curves of the same work."""


def _seconds_points(series: Series, axis: Axis) -> list[Point]:
    found: list[Point] = []
    for run in series.runs:
        x = float(value_of(run, axis.x))
        measured = "" if run.measured_seconds is None else f", measured {seconds(run.measured_seconds)}"
        words = f"{series.label}, {axis.x} {x:g}\npredicted {seconds(run.seconds)}{measured}"
        band, bar = run.predicted_interval, run.measured_interval
        found.append(Point(x, run.seconds, band, run.measured_seconds, bar, run.measurements(), words))
    return found


def _speedup_points(series: Series, axis: Axis) -> list[Point]:
    """Empty when a run has no speedup. A measured one is given, or the ratio to the measured run whose speedup is 1."""
    base = next((run.measured_seconds for run in series.runs if run.speedup == 1 and run.measured_seconds), None)
    found: list[Point] = []
    for run in series.runs:
        if run.speedup is None or not isfinite(run.speedup):
            return []
        measured, bar = run.measured_speedup, run.measured_speedup_interval
        if measured is None and base and run.measured_seconds:
            measured = base / run.measured_seconds
            if run.measured_interval and run.measured_interval[0] > 0:
                bar = (base / run.measured_interval[1], base / run.measured_interval[0])
        x = float(value_of(run, axis.x))
        told = "" if measured is None else f", measured {times(measured)}"
        words = f"{series.label}, {axis.x} {x:g}\npredicted {times(run.speedup)}{told}"
        found.append(Point(x, run.speedup, run.speedup_interval, measured, bar, [], words))
    return found


# Drawing.

_Drawn = list[tuple[Series, list[Point]]]


def _speedup_chart(drawn: _Drawn, axis: Axis, note: str, laws: list[Law]) -> Chart:
    box = Frame(_BOX.width, _BOX.height, _BOX.left, _BOX.right - (_LAW_ROOM if laws else 0), _BOX.top, _BOX.bottom)
    xs = _xs(drawn)
    ideal = axis.x in ("cores", "workers", "threads")
    top = _top(drawn) * (1.3 if ideal else 1.1)
    x, y = _scales(box, xs, top)
    behind = [_ideal(xs, x, y)] if ideal else []
    behind += _law_curves(laws, xs, x, y, box)
    return _chart("Speedup", drawn, axis, note, (x, y), box, behind)


def _seconds_chart(drawn: _Drawn, axis: Axis, note: str) -> Chart:
    top = _top(drawn)
    return _chart("Seconds", drawn, axis, note, _scales(_BOX, _xs(drawn), top * 1.1), _BOX, [])


def _xs(drawn: _Drawn) -> list[float]:
    return sorted({point.x for _, found in drawn for point in found})


def _top(drawn: _Drawn) -> float:
    points = [point for _, found in drawn for point in found]
    tops = [value for point in points for value in (point.y, *(point.band or ()), point.measured, *(point.bar or ()))]
    return max(value for value in tops if value is not None) or 1.0


def _scales(box: Frame, xs: list[float], top: float) -> tuple[Scale, Scale]:
    margin = (xs[-1] - xs[0]) * 0.06 or 0.5
    return (
        Scale(xs[0] - margin, xs[-1] + margin, box.left, box.right),
        Scale(0, top, box.bottom, box.top),
    )


def _chart(
    title: str, drawn: _Drawn, axis: Axis, note: str, scales: tuple[Scale, Scale], box: Frame, behind: list[Markup]
) -> Chart:
    x, y = scales
    unit, name = (1.0, "") if title == "Speedup" else _second_unit(y.high)
    y_ticks = [(y(value), f"{value / unit:.4g}") for value in y.ticks(6)]
    x_ticks = [(x(value), f"{value:g}") for value in _xs(drawn)]
    parts = [frame(box, Ticks(x_ticks, axis.x), Ticks(y_ticks, name)), *behind]
    parts += [_curve(series, found, scales) for series, found in drawn]
    parts += [_measured(series, found, scales) for series, found in drawn]
    words = f"{title} against {axis.x}. " + "; ".join(
        f"{series.label}: " + ", ".join(_spoken(point) for point in found) for series, found in drawn
    )
    return Chart(title, chart(box, words, *parts), [(series.tone, series.label) for series, _ in drawn], note)


def _second_unit(high: float) -> tuple[float, str]:
    scale, name = time_unit(high * 1e9)
    return scale / 1e9, name


def _spoken(point: Point) -> str:
    measured = "" if point.measured is None else f" (measured {significant(point.measured)})"
    return f"{significant(point.y)}{measured} at {point.x:g}"


def _ideal(xs: list[float], x: Scale, y: Scale) -> Markup:
    """As many times faster as there are cores or workers; it leaves the chart where it passes the top."""
    first = xs[0]
    end = min(xs[-1], y.high * first)
    x_end, y_end = x(end), y(end / first)
    return element(
        "g",
        element("line", x1=x(first), y1=y(1), x2=x_end, y2=y_end),
        element("text", "ideal", x=x_end - 14, y=max(y_end + 4, _BOX.top + 10), text_anchor="end"),
        class_="ideal",
    )


def _law_curves(laws: list[Law], xs: list[float], x: Scale, y: Scale, box: Frame) -> list[Markup]:
    """Thin lines with their names at the right end; in the colour of the series they are fitted to."""
    count = 40
    grid = [xs[0] + (xs[-1] - xs[0]) * step / count for step in range(count + 1)]
    places = spread([y(law.at(xs[-1])) for law in laws], TEXT_HEIGHT, box.top + 4, box.bottom)
    parts: list[Markup] = []
    for law, place in zip(laws, places, strict=True):
        line = [(x(value), y(law.at(value))) for value in grid if law.at(value) <= y.high]
        name = element("text", law.name, x=box.right + 6, y=place + 4, class_="tag")
        parts.append(element("g", path(line, "law"), name, class_=f"series s{law.tone} law-{law.class_}"))
    return parts


def _curve(series: Series, found: list[Point], scales: tuple[Scale, Scale]) -> Markup:
    x, y = scales
    parts: list[Markup] = []
    bands = [(point.x, point.band) for point in found if point.band is not None]
    if len(bands) > 1:
        upper = [(x(at), y(band[1])) for at, band in bands]
        parts.append(area(upper, [(x(at), y(band[0])) for at, band in bands], "band"))
    elif bands:
        at, band = bands[0]
        parts.append(whisker(x(at), y(band[0]), y(band[1])))
    parts.append(path([(x(point.x), y(point.y)) for point in found], "curve"))
    for point in found:
        told = element("title", point.words)
        parts.append(element("circle", told, cx=x(point.x), cy=y(point.y), r=4, class_="hollow"))
    return element("g", *parts, class_=f"series s{series.tone}")


def _measured(series: Series, found: list[Point], scales: tuple[Scale, Scale]) -> Markup:
    x, y = scales
    parts: list[Markup] = []
    for point in found:
        if point.measured is None:
            continue
        parts += [
            element("circle", cx=x(point.x) + 11 + 3 * (index % 3), cy=y(value), r=1.4, class_="sample")
            for index, value in enumerate(point.samples[:60])
        ]
        if point.bar is not None:
            parts.append(whisker(x(point.x), y(point.bar[0]), y(point.bar[1])))
        parts.append(mark("diamond", "solid", x(point.x), y(point.measured), point.words))
    return element("g", *parts, class_=f"series s{series.tone}")
