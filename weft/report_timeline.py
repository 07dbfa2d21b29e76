"""A trace as lanes, one per thread: time against state for simulated and real runs, steps for explored ones.

Horizontal places are percentages, so the drawing fits any width without a script; report.js adds zoom, pan and labels
by changing those percentages from the exact times kept on every shape.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .report_lanes import (
    Doing,
    Interval,
    Lane,
    Logical,
    Mixture,
    Moment,
    StepLane,
    condensed,
    end_ns,
    lanes,
    step_lanes,
)
from .report_svg import Markup, duration, element, join, seconds, ticks, time_unit
from .simcore.trace import Trace

SHAPES_MAX = 4000
"""Shapes of one timeline: about 400 kB of markup, and few enough to be moved at every turn of the wheel."""
AXIS = 24
CLASSES = {
    Doing.RUNNING: "running",
    Doing.ACTIVE: "running",
    Doing.READY: "ready",
    Doing.BLOCKED: "blocked",
    Doing.GIL: "gil",
    Doing.JOIN: "join",
    Doing.SLEEPING: "sleeping",
}
_STEP_CLASSES = {"take": "running", "give": "release", "blocked": "blocked", "fail": "blocked", "other": "other"}
_STEP_LEGEND = [
    ("running", "takes, gets, joins"),
    ("release", "gives, puts, starts"),
    ("blocked", "blocked or failed"),
    ("other", "other steps"),
]


@dataclass(frozen=True, slots=True)
class Row:
    """Time in each state of one thread, as texts: what the picture says, for those who cannot see it."""

    thread: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline; the template sets it. ``names`` are the lanes' threads, ``heights`` in pixels."""

    kind: str
    start: int
    end: int
    view: tuple[int, int]
    names: list[str]
    pitch: list[int]
    plot: Markup
    texts: Markup
    legend: list[tuple[str, str]]
    notes: list[str]
    columns: list[str]
    rows: list[Row]
    heads: list[int] = field(default_factory=list[int])
    """Which of the names are headings of what follows them."""


class Texts:
    """Tooltips, each stored once and named by its number."""

    __slots__ = ("_index",)

    def __init__(self) -> None:
        self._index: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._index.setdefault(text, len(self._index))

    def markup(self) -> Markup:
        """JSON that is safe inside a script element: no ``<`` can end it."""
        return Markup(json.dumps(list(self._index), ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", " "))


def timeline(trace: Trace, shapes_max: int = SHAPES_MAX) -> Timeline:
    """Draw a trace of any world with at most about ``shapes_max`` shapes; what is left out is said in ``notes``."""
    return _steps(trace, shapes_max // 2) if trace.header.world == "explored" else _times(trace, shapes_max)


def _percent(value: float, start: int, end: int) -> str:
    return f"{100 * (value - start) / (end - start):.2f}%"


def shape(
    class_: str, start: int, end: int, span: tuple[int, int], text: int, *, y: float = 0, height: float
) -> Markup:
    low, high = span
    width = max(100 * (end - start) / (high - low), 0.04)
    lower = f' y="{y}"' if y else ""
    return Markup(
        f'<rect class="{class_}" x="{_percent(start, low, high)}" width="{width:.2f}%"{lower} height="{height}" '
        f'data-t="{start} {end}" data-d="{text}"/>'
    )


def draw_axis(span: tuple[int, int], unit: tuple[int, str], height: int) -> Markup:
    low, high = span
    scale, name = unit
    parts: list[Markup] = []
    for value in ticks(low / scale, high / scale, 6):
        at = _percent(value * scale, low, high)
        parts.append(element("line", x1=at, x2=at, y1=AXIS - 4, y2=height))
        if value * scale < high - (high - low) / 12:
            parts.append(element("text", f"{value:.6g} {name}".strip(), x=at, y=AXIS - 9, dx=3))
    return element("g", *parts, class_="axis")


def draw_plot(axis: Markup, groups: list[Markup], height: int) -> Markup:
    return element("svg", axis, *groups, width="100%", height=height, class_="plot", aria_hidden="true")


# Time.


def pitch_of(count: int) -> int:
    return 30 if count <= 12 else 24 if count <= 24 else 19


def _times(trace: Trace, shapes_max: int) -> Timeline:
    found = lanes(trace)
    end = end_ns(trace)
    drawn, notes = within_budget(found, end, shapes_max)
    pitch, texts = pitch_of(len(drawn)), Texts()
    height = AXIS + pitch * len(drawn) + 4
    groups = [draw_lane(lane, AXIS + index * pitch, pitch, (0, end), texts) for index, lane in enumerate(drawn)]
    used = {interval.doing for lane in found for interval in lane.intervals}
    if Doing.ACTIVE in used:
        notes.append(
            "A real run does not show who had a core: running, ready to run and waiting for the GIL look the same here."
            if trace.header.world == "real"
            else "Recorded without the scheduler's moves: running and ready to run look the same here."
        )
    states = [doing for doing in Doing if doing in used]
    return Timeline(
        kind="time",
        start=0,
        end=end,
        view=(0, end),
        names=[lane.thread for lane in found],
        pitch=[pitch] * len(drawn),
        plot=draw_plot(draw_axis((0, end), time_unit(end), height), groups, height),
        texts=texts.markup(),
        legend=[(CLASSES[doing], doing.value) for doing in states],
        notes=notes + ([trace.note] if trace.note else []),
        columns=[doing.value for doing in states],
        rows=[Row(lane.thread, [total(lane, doing) for doing in states]) for lane in found],
    )


def total(lane: Lane, doing: Doing) -> str:
    total = sum(interval.end - interval.start for interval in lane.intervals if interval.doing is doing)
    return seconds(total / 1e9) if total else "0"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of one lane."""

    intervals: list[Interval]
    mixtures: list[Mixture]
    moments: list[Moment]

    def shapes(self) -> int:
        return len(self.intervals) + sum(len(mixture.time_in) for mixture in self.mixtures) + len(self.moments)


def within_budget(found: list[Lane], end: int, shapes_max: int) -> tuple[list[Drawn], list[str]]:
    """The lanes with so few shapes that a page can carry and move them: the finest resolution that fits."""
    notes: list[str] = []
    moments = sum(len(lane.moments) for lane in found)
    moments_max = shapes_max // 5 // max(len(found), 1)
    dropped = 0
    if moments > shapes_max // 5:
        dropped = sum(max(len(lane.moments) - moments_max, 0) for lane in found)
        found = [Lane(lane.thread, lane.intervals, lane.moments[:moments_max]) for lane in found]
    drawn = [Drawn(lane.intervals, [], lane.moments) for lane in found]
    resolution = end / 20_000
    while sum(lane.shapes() for lane in drawn) > shapes_max and resolution < end:
        resolution *= 1.4
        drawn = [Drawn(*condensed(lane, round(resolution)), lane.moments) for lane in found]
    if any(lane.mixtures for lane in drawn):
        notes.append(
            f"States shorter than {duration(resolution)} are drawn together: a stacked piece shows how much of its "
            "time went to each state."
        )
    if dropped:
        notes.append(f"{dropped:,} of {moments:,} marks are left out of the drawing.")
    return drawn, notes


def draw_lane(lane: Drawn, top: int, pitch: int, span: tuple[int, int], texts: Texts) -> Markup:
    height = pitch - (8 if pitch > 20 else 5)
    shapes = [
        shape(
            CLASSES[interval.doing],
            interval.start,
            interval.end,
            span,
            texts.number(_described(interval.doing.value, interval.about, interval.at)),
            height=height,
        )
        for interval in lane.intervals
    ]
    for mixture in lane.mixtures:
        shapes += _mixture(mixture, span, texts, height)
    for moment in lane.moments:
        class_ = "moment fail" if moment.failure else "moment"
        text = texts.number(moment.text if moment.failure else f"mark: {moment.text}")
        shapes.append(
            shape(class_, moment.time, moment.time, span, text, y=-3, height=height + 6 if moment.failure else 7)
        )
    return element("g", *shapes, class_="lane", transform=f"translate(0 {top + 3})")


def _mixture(mixture: Mixture, span: tuple[int, int], texts: Texts, height: int) -> list[Markup]:
    """One state above the other, each as high as its share."""
    total = sum(mixture.time_in.values())
    words = ", ".join(f"{doing.value} {100 * time / total:.0f} %" for doing, time in mixture.time_in.items())
    text = texts.number(f"short states: {words}")
    shapes: list[Markup] = []
    y = 0.0
    for doing, time in mixture.time_in.items():
        share = height * time / total
        class_ = f"{CLASSES[doing]} part"
        shapes.append(shape(class_, mixture.start, mixture.end, span, text, y=round(y, 1), height=round(share, 1)))
        y += share
    return shapes


def _described(state: str, about: str, at: str) -> str:
    return state + (f": {about}" if about else "") + (f" ({at})" if at else "")


# Steps.

_STEP_SHOWN = 60
"""Steps in view at first; longer executions open on the end, where the failure is."""
_BOX = 24
_HOLD = 14
_LEVELS_MAX = 4


def _steps(trace: Trace, steps_max: int) -> Timeline:
    count = len(trace)
    first = max(1, count - steps_max + 1)
    span = (first, count + 2)
    texts = Texts()
    groups: list[Markup] = []
    pitches: list[int] = []
    top = AXIS
    found = step_lanes(trace)
    for lane in found:
        levels = min(max((hold.level + 1 for hold in lane.holds if hold.end > first), default=0), _LEVELS_MAX)
        pitches.append(_BOX + 8 + levels * (_HOLD + 2))
        groups.append(_step_lane(lane, top, span, levels, texts))
        top += pitches[-1]
    notes = ["A step is one operation that took effect; the bars below a lane show how long an object was held."]
    if first > 1:
        notes.append(f"Drawn are the last {steps_max:,} of {count:,} steps.")
    used = {_STEP_CLASSES[step.kind] for lane in found for step in lane.steps}
    return Timeline(
        kind="step",
        start=span[0],
        end=span[1],
        view=(max(first, span[1] - _STEP_SHOWN), span[1]),
        names=[lane.thread for lane in found],
        pitch=pitches,
        plot=draw_plot(draw_axis(span, (1, ""), top), groups, top),
        texts=texts.markup(),
        legend=[row for row in _STEP_LEGEND if row[0] in used] + [("hold", "object held")],
        notes=notes + ([trace.note] if trace.note else []),
        columns=["steps", "last step", "holds at the end"],
        rows=[_step_row(lane, count) for lane in found],
    )


def _step_row(lane: StepLane, count: int) -> Row:
    last = lane.steps[-1]
    held = [hold.object for hold in sorted(lane.holds, key=lambda hold: hold.start) if hold.end > count]
    return Row(lane.thread, [str(len(lane.steps)), _step_text(last), ", ".join(held) or "nothing"])


def _step_text(step: Logical) -> str:
    words = " ".join(part for part in (step.operation, step.object) if part)
    blocked = ", blocked" if step.kind == "blocked" else ""
    return _described(f"{words}{blocked}", "", step.at)


def _step_lane(lane: StepLane, top: int, span: tuple[int, int], levels: int, texts: Texts) -> Markup:
    first, end = span
    count = end - 2
    shapes: list[Markup] = []
    for step, following in zip(lane.steps, [*lane.steps[1:], None], strict=True):
        if step.step < first:
            continue
        until = step.step + 1
        if step.kind == "blocked":
            until = end if following is None else following.step
        shapes.append(
            shape(_STEP_CLASSES[step.kind], step.step, until, span, texts.number(_step_text(step)), height=_BOX)
        )
    for hold in lane.holds:
        if hold.end > first and hold.level < levels:
            y = _BOX + 3 + hold.level * (_HOLD + 2)
            text = texts.number(f"holds {hold.object}")
            start = max(hold.start, first)
            until = end if hold.end == count + 1 else hold.end
            shapes.append(shape("hold", start, until, span, text, y=y, height=_HOLD))
    return element("g", join(shapes), class_="lane", transform=f"translate(0 {top + 2})")
