"""Speedup of each workload of a suite: predicted with its band, measured points, and what simpler models say.

The numbers (:func:`sweeps`) and the drawing (:func:`curves`) are apart: the figures on paper are drawn from the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .real_runs.suite_result import SuiteRow
from .report_numbers import percent, times
from .report_plot import TEXT_HEIGHT, Frame, Scale, Ticks, area, chart, frame, mark, path, spread, whisker
from .report_suite_rows import Named
from .report_suite_simpler import in_order, simpler_model
from .report_svg import Markup, element


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One configuration; intervals are of the speedup."""

    threads: int
    predicted: float
    band: tuple[float, float]
    measured: float | None
    bar: tuple[float, float] | None
    words: str
    row: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """The configurations of one workload that differ in threads only, pinned and not, by number of threads."""

    name: str
    more: str
    lines: list[tuple[str, list[SweepPoint]]]
    """``pinned``, ``not pinned``, or without a name when there is one kind only."""
    laws: list[tuple[str, list[tuple[int, float]]]]
    """Key of a simpler model, and its speedups."""


def sweeps(rows: Sequence[Named]) -> list[Sweep]:
    """One for each workload with at least two numbers of threads; parameters that vary otherwise make further ones."""
    workloads: dict[str, list[SuiteRow]] = {}
    for each in rows:
        workloads.setdefault(each.row.workload, []).append(each.row)
    groups: dict[tuple[str, str], list[Named]] = {}
    for each in rows:
        groups.setdefault((each.row.workload, _constants(each, workloads[each.row.workload])), []).append(each)
    found: list[Sweep] = []
    for (workload, constants), members in groups.items():
        if len({each.row.threads for each in members}) < 2:
            continue
        pins = list(dict.fromkeys(each.row.pinned for each in members))
        lines = [
            (
                ("pinned" if pinned else "not pinned") if len(pins) > 1 else "",
                sorted(
                    (_point(each) for each in members if each.row.pinned is pinned), key=lambda point: point.threads
                ),
            )
            for pinned in pins
        ]
        first = members[0].row
        name = f"{workload}, {constants}" if constants else workload
        more = f"{first.family}, {first.split}" if first.family != workload else first.split
        laws = _laws([each for each in members if each.row.pinned is pins[0]])
        found.append(Sweep(name, more, lines, laws))
    return found


def _constants(each: Named, own: Sequence[SuiteRow]) -> str:
    """The parameters that vary among the workload's rows, other than in step with the threads; and the cores."""
    parts: list[str] = []
    for name in [*each.row.params, "cores"]:
        taken = {(other.threads, repr(_value(other, name))) for other in own}
        varies = len({value for _, value in taken}) > 1
        if varies and len(taken) > len({threads for threads, _ in taken}):
            parts.append(f"{name}={_value(each.row, name)}")
    return ", ".join(parts)


def _value(row: SuiteRow, name: str) -> Any:
    return row.cores if name == "cores" else row.params.get(name)


def _point(each: Named) -> SweepPoint:
    row = each.row
    measured = "not measured" if row.measured_speedup is None else f"measured {times(row.measured_speedup)}"
    error = "" if row.error is None else f"\n{percent(row.error, signed=True)} in seconds"
    return SweepPoint(
        threads=row.threads,
        predicted=row.speedup,
        band=row.speedup_interval,
        measured=row.measured_speedup,
        bar=row.measured_speedup_interval,
        words=f"{each.name}\npredicted {times(row.speedup)}, {measured}{error}",
        row=each.anchor,
    )


def _laws(members: list[Named]) -> list[tuple[str, list[tuple[int, float]]]]:
    """Baselines are seconds; the base that the predicted speedup is relative to makes speedups of them."""
    found: list[tuple[str, list[tuple[int, float]]]] = []
    for name in in_order(name for each in members for name in each.row.baselines):
        points = [
            (each.row.threads, each.row.predicted_seconds * each.row.speedup / each.row.baselines[name])
            for each in sorted(members, key=lambda each: each.row.threads)
            if each.row.baselines.get(name)
        ]
        if len(points) > 1:
            found.append((name, points))
    return found


# Drawing.

_BOX = Frame(width=350, height=248, left=36, right=284, top=12, bottom=206)
_ABOVE = 1.35
"""The plot reaches this much above the highest point; laws beyond it leave at the top: they are not what is judged."""


@dataclass(frozen=True, slots=True)
class SweepChart:
    """One small chart with its heading."""

    name: str
    more: str
    plot: Markup


CHARTS_MAX = 60
"""Small charts on one page; nobody compares more, and the table has every speedup."""


def curves(found: Sequence[Sweep]) -> list[SweepChart]:
    """One chart for each sweep, at most so many."""
    return [SweepChart(sweep.name, sweep.more, _draw(sweep)) for sweep in found[:CHARTS_MAX]]


def _draw(sweep: Sweep) -> Markup:
    points = [point for _, line in sweep.lines for point in line]
    threads = sorted({point.threads for point in points})
    tops = [value for point in points for value in (point.predicted, point.band[1], point.measured, *(point.bar or ()))]
    top = max(1.0, *(value for value in tops if value is not None)) * _ABOVE
    margin = (threads[-1] - threads[0]) * 0.07
    x = Scale(threads[0] - margin, threads[-1] + margin, _BOX.left, _BOX.right)
    y = Scale(0, top, _BOX.bottom, _BOX.top)
    y_ticks = [(y(value), f"{value:g}") for value in y.ticks(5)]
    parts = [frame(_BOX, Ticks([(x(count), str(count)) for count in threads], "threads"), Ticks(y_ticks, ""))]
    parts += _law_lines(sweep, x, y)
    for number, (_, line) in enumerate(sweep.lines):
        parts.append(_band(line, _tone(number), x, y))
    for number, (_, line) in enumerate(sweep.lines):
        shift = 0.0 if len(sweep.lines) == 1 else (-5.0, 5.0)[number % 2]
        parts.append(_measured(line, _tone(number), x, y, shift))
    return chart(_BOX, _words(sweep), *parts)


def _tone(number: int) -> str:
    return ("s1", "s5")[number % 2]


def _words(sweep: Sweep) -> str:
    lines = [
        f"{name or 'speedup'}: "
        + ", ".join(
            f"{times(point.predicted)} at {point.threads}"
            + ("" if point.measured is None else f" (measured {times(point.measured)})")
            for point in line
        )
        for name, line in sweep.lines
    ]
    return f"Speedup of {sweep.name} against threads. {'; '.join(lines)}"


def _law_lines(sweep: Sweep, x: Scale, y: Scale) -> list[Markup]:
    """Thin lines with their names at the right, clear of each other."""
    ends = [_clipped(points, y.high)[-1] for _, points in sweep.laws]
    places = spread([y(speedup) for _, speedup in ends], TEXT_HEIGHT, _BOX.top + 4, _BOX.bottom - 2)
    parts: list[Markup] = []
    for (key, points), end, place in zip(sweep.laws, ends, places, strict=True):
        model = simpler_model(key)
        line = path([(x(threads), y(speedup)) for threads, speedup in _clipped(points, y.high)], "law")
        reaches = x(end[0]) > _BOX.right - 30
        lead = path([(x(end[0]), y(end[1])), (_BOX.right + 4, place)], "lead") if reaches else Markup("")
        tag = element("text", model.short, x=_BOX.right + 7, y=place + 4, class_="tag")
        parts.append(element("g", line, lead, tag, class_=f"series {model.tone} model", data_model=key))
    return parts


def _clipped(points: Sequence[tuple[int, float]], top: float) -> list[tuple[float, float]]:
    """The line up to where it leaves the plot at the top."""
    found: list[tuple[float, float]] = []
    for threads, speedup in points:
        if speedup <= top:
            found.append((threads, speedup))
            continue
        if found:
            before, low = found[-1]
            found.append((before + (threads - before) * (top - low) / (speedup - low), top))
        else:
            found.append((threads, top))
        break
    return found


def _band(line: Sequence[SweepPoint], tone: str, x: Scale, y: Scale) -> Markup:
    upper = [(x(point.threads), y(point.band[1])) for point in line]
    lower = [(x(point.threads), y(point.band[0])) for point in line]
    middle = [(x(point.threads), y(point.predicted)) for point in line]
    hollow = [element("circle", cx=at, cy=place, r=3.2, class_="hollow") for at, place in middle]
    return element("g", area(upper, lower, "band"), path(middle, "curve"), *hollow, class_=f"series {tone}")


def _measured(line: Sequence[SweepPoint], tone: str, x: Scale, y: Scale, shift: float) -> Markup:
    parts: list[Markup] = []
    for point in line:
        if point.measured is None:
            continue
        at = x(point.threads) + shift
        inside: list[Markup] = []
        if point.bar is not None:
            inside.append(whisker(at, y(point.bar[0]), y(point.bar[1])))
        inside.append(mark("diamond", "solid", at, y(point.measured), point.words))
        parts.append(element("g", *inside, class_="dot", data_row=point.row or None))
    return element("g", *parts, class_=f"series {tone}")
