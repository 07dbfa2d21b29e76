"""Two traces of one program on one time axis, the simulated above the real: what differs stands one below the other.

Both begin at zero: each trace's first event is its origin. Zoom and pan move both, since they are one drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .report_lanes import Doing, Lane, end_ns, first_ns, lanes, moved
from .report_svg import Markup, duration, element, time_unit
from .report_timeline import (
    AXIS,
    CLASSES,
    SHAPES_MAX,
    Row,
    Texts,
    Timeline,
    draw_axis,
    draw_lane,
    draw_plot,
    pitch_of,
    shape,
    total,
    within_budget,
)
from .simcore.trace import Trace

_HEAD = 26
"""The bar above each side's lanes, as long as its run: where the two differ in length is seen at once."""


@dataclass(frozen=True, slots=True)
class Side:
    """One trace: its lanes with times from its first event on, and its length in nanoseconds."""

    name: str
    trace: Trace
    lanes: list[Lane]
    end: int


def timeline_pair(traces: Mapping[str, Trace], shapes_max: int = SHAPES_MAX) -> Timeline:
    """The traces in their order, one below the other; of worlds with times (``timed`` or ``real``)."""
    sides = sides_of(traces)
    end = max(side.end for side in sides)
    texts = Texts()
    names: list[str] = []
    heads: list[int] = []
    pitches: list[int] = []
    groups: list[Markup] = []
    notes: list[str] = []
    rows: list[Row] = []
    states = [doing for doing in Doing if any(_used(side, doing) for side in sides)]
    top = AXIS
    pitch = pitch_of(sum(len(side.lanes) for side in sides))
    for number, side in enumerate(sides):
        drawn, said = within_budget(side.lanes, end, shapes_max // len(sides))
        heads.append(len(names))
        names.append(side.name)
        pitches.append(_HEAD)
        groups.append(_head(side, top, end, texts, number))
        top += _HEAD
        for lane, content in zip(side.lanes, drawn, strict=True):
            names.append(lane.thread)
            pitches.append(pitch)
            groups.append(draw_lane(content, top, pitch, (0, end), texts))
            top += pitch
            rows.append(Row(f"{side.name}: {lane.thread}", [total(lane, doing) for doing in states]))
        notes += [f"{side.name.capitalize()}: {note}" for note in said]
        if side.trace.note:
            notes.append(f"{side.name.capitalize()}: {side.trace.note}")
    if any(_used(side, Doing.ACTIVE) for side in sides):
        notes.append(
            "A real run does not show who had a core: running, ready and waiting for the GIL look the same there."
        )
    height = top + 4
    return Timeline(
        kind="time",
        start=0,
        end=end,
        view=(0, end),
        names=names,
        pitch=pitches,
        plot=draw_plot(draw_axis((0, end), time_unit(end), height), groups, height),
        texts=texts.markup(),
        legend=[(CLASSES[doing], doing.value) for doing in states],
        notes=[*_lengths(sides), *notes],
        columns=[doing.value for doing in states],
        rows=rows,
        heads=heads,
    )


def sides_of(traces: Mapping[str, Trace]) -> list[Side]:
    """The traces as they are drawn, in their order."""
    return [_side(name, trace) for name, trace in traces.items()]


def _side(name: str, trace: Trace) -> Side:
    first = first_ns(trace)
    return Side(name, trace, [moved(lane, first) for lane in lanes(trace)], max(end_ns(trace) - first, 1))


def _used(side: Side, doing: Doing) -> bool:
    return any(interval.doing is doing for lane in side.lanes for interval in lane.intervals)


def _head(side: Side, top: int, end: int, texts: Texts, number: int) -> Markup:
    """The whole run as one bar, with its length in words."""
    text = texts.number(f"{side.name} run, {duration(side.end)}")
    bar = shape(f"whole side-{number + 1}", 0, side.end, (0, end), text, height=_HEAD - 8)
    return element("g", bar, class_="lane", transform=f"translate(0 {top + 5})")


def _lengths(sides: list[Side]) -> list[str]:
    if len(sides) != 2:
        return []
    one, other = sides
    share = one.end / other.end - 1
    words = f"{one.name.capitalize()} {duration(one.end)}, {other.name} {duration(other.end)}"
    way = "longer" if share > 0 else "shorter"
    return [f"{words}: of these two single runs the {one.name} one is {abs(100 * share):.1f} % {way}."]
