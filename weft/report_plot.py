"""The bones of a two-dimensional chart: scales, a frame with ticks, marks, and labels that keep clear of each other.

It knows places and texts; what the axes mean is for whoever draws on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from .report_svg import Markup, element, ticks

TEXT_HEIGHT = 13
"""Room that a line of chart text needs from baseline to baseline."""
_NARROW, _WIDE = 5.2, 7.4
"""Widths of characters at 12 px in the usual sans-serif fonts: narrow ones (``il.,:`` and the like) and most others."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values (``low`` to ``high``) to places along one side of a plot (``start`` to ``end``, in either direction).

    What lies outside is placed at the nearer end: nothing is ever drawn beyond the frame.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self.log:
            value, low, high = log10(value), log10(low), log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About ``count`` round values; on a logarithmic scale 1, 2 and 5 times powers of ten, or the powers alone."""
        if not self.log:
            return ticks(self.low, self.high, count)
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            found = [factor * 10.0**power for power in powers for factor in factors]
            found = [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
            if len(found) <= count + 1:
                return found
        return found[:: -(-len(found) // count)]


def log_bounds(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """The range of a logarithmic axis that holds ``values`` (all above 0) with a margin, as a share of its length."""
    low, high = log10(min(values)), log10(max(values))
    room = (high - low) * margin or 0.1
    return 10 ** (low - room), 10 ** (high + room)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's rectangle inside its drawing, in pixels."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Ticks:
    """One axis: (place, text) of each tick, and what it counts."""

    marks: Sequence[tuple[float, str]]
    title: str


def frame(box: Frame, x: Ticks, y: Ticks) -> Markup:
    """Grid lines, tick texts and titles; the title of y stands above the axis, where it can be read without turning."""
    parts: list[Markup] = []
    for place, text in y.marks:
        base = abs(place - box.bottom) < 0.5
        parts.append(element("line", x1=box.left, x2=box.right, y1=place, y2=place, class_="zero" if base else None))
        parts.append(element("text", text, x=box.left - 7, y=place + 4, text_anchor="end"))
    last = -1e9
    for place, text in x.marks:
        parts.append(element("line", x1=place, x2=place, y1=box.bottom, y2=box.bottom + 5, class_="zero"))
        if place - last >= text_width(text) + 6:
            parts.append(element("text", text, x=place, y=box.bottom + 19, text_anchor="middle"))
            last = place
    if x.title:
        middle = (box.left + box.right) / 2
        parts.append(element("text", x.title, x=middle, y=box.bottom + 36, text_anchor="middle", class_="title"))
    if y.title:
        parts.append(element("text", y.title, x=2, y=12, class_="title"))
    return element("g", *parts, class_="frame")


def text_width(text: str) -> float:
    """About as wide as it will be drawn at 12 px: which font the reader has is not known."""
    return sum(_NARROW if character in " iljtf.,:;|'()[]1" else _WIDE for character in text)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart, in the same order and as near as may be to the wanted ones, within the bounds.

    When there is no room for all, they share what there is.
    """
    if not places:
        return []
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    order = sorted(range(len(places)), key=lambda index: places[index])
    found = [min(max(places[index], low), high) for index in order]
    for index in range(1, len(found)):
        found[index] = max(found[index], found[index - 1] + gap)
    overflow = found[-1] - high
    if overflow > 0:
        found[-1] = high
        for index in range(len(found) - 2, -1, -1):
            found[index] = min(found[index], found[index + 1] - gap)
    result = [0.0] * len(places)
    for place, index in zip(found, order, strict=True):
        result[index] = place
    return result


def path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through the points."""
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", d=f"M{line}", class_=class_)


def area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], class_: str) -> Markup:
    """What lies between two lines of the same x."""
    there = [f"{x:.1f} {y:.1f}" for x, y in upper]
    back = [f"{x:.1f} {y:.1f}" for x, y in reversed(lower)]
    return element("path", d="M" + "L".join(there + back) + "Z", class_=class_)


def whisker(x: float, low: float, high: float, *, across: bool = False) -> Markup:
    """An interval with caps: upright at x, or lying at y = x."""
    if across:
        line = f"M{low:.1f} {x - 4:.1f}v8M{low:.1f} {x:.1f}H{high:.1f}M{high:.1f} {x - 4:.1f}v8"
    else:
        line = f"M{x - 4:.1f} {low:.1f}h8M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {high:.1f}h8"
    return element("path", d=line, class_="whisker")


MARKS = {
    "disc": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "diamond": "M0-6l6 6l-6 6l-6-6z",
    "square": "M-4-4h8v8h-8z",
    "cross": "M-4-4l8 8M4-4l-8 8",
}
"""Shapes around the origin, told apart without colour."""


def mark(shape: str, class_: str, x: float | str, y: float, words: str = "", **data: str | None) -> Markup:
    """One of :data:`MARKS`; ``x`` in pixels, or in percent of a drawing that is as wide as the page lets it be.

    ``words`` is what a pointer resting on it is told.
    """
    told = [element("title", words)] if words else []
    drawn = element("path", *told, d=MARKS[shape], class_=class_, **data)
    return element("svg", drawn, x=x, y=y, overflow="visible")


def chart(box: Frame, words: str, *parts: Markup, class_: str = "chart") -> Markup:
    """The drawing, with ``words`` for those who do not see it."""
    view = f"0 0 {box.width:g} {box.height:g}"
    return element("svg", *parts, viewBox=view, class_=class_, role="img", aria_label=words)
