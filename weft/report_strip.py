"""Signed errors of groups of configurations, one row a group on one scale: which way they are off, and how far apart.

It takes the pairs of report_errors; what the groups are is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .report_errors import FAR, NEAR, SHAPES, Pair
from .report_numbers import MINUS, percent
from .report_plot import mark
from .report_svg import Markup, element, ticks

_LIMIT_MAX = 0.25
"""Errors beyond it stand at the edge with their number: the scale must keep the few percent that matter apart."""
STRIP_HEIGHT = 30


@dataclass(frozen=True, slots=True)
class StripGroup:
    """What is drawn in one row. ``floor`` is the noise floor of its measurements, ``size`` its error in magnitude."""

    name: str
    more: str
    pairs: list[Pair]
    floor: float | None
    size: float


@dataclass(frozen=True, slots=True)
class StripRow:
    """One row: its pairs' errors as marks over the two bands."""

    name: str
    more: str
    plot: Markup
    value: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Signed errors of several groups on one scale; the header has its ticks."""

    head: Markup
    rows: list[StripRow]


def strip(groups: Sequence[StripGroup]) -> Strip | None:
    """Draw the groups one below the other; None without pairs."""
    errors = [pair.error for group in groups for pair in group.pairs]
    if not errors:
        return None
    limit = _limit(errors)
    marks = [value for value in ticks(-limit, limit, 6) if abs(value) <= limit * 1.001]
    head = element(
        "svg",
        *(
            element(
                "text",
                "0" if abs(value) < 1e-9 else f"{100 * value:+.3g} %".replace("-", MINUS),
                x=_across(value, limit),
                y=12,
                text_anchor="start" if value <= -limit * 0.98 else "end" if value >= limit * 0.98 else "middle",
            )
            for value in marks
        ),
        width="100%",
        height=18,
        class_="strip-head",
        aria_hidden="true",
    )
    rows = [
        StripRow(group.name, group.more, _strip_row(group, limit, marks), percent(group.size))
        for group in groups
        if group.pairs
    ]
    return Strip(head, rows)


def _limit(errors: Sequence[float]) -> float:
    """The half width of the strip: the far band, or the largest error rounded up to 5 %, but not beyond what is kept."""
    largest = max(abs(error) for error in errors)
    return min(max(FAR * 1.25, -(-largest // 0.05) * 0.05), _LIMIT_MAX)


def _across(error: float, limit: float) -> str:
    """2 % of the width are left free at both ends, so that no mark is cut."""
    inside = min(max(error, -limit), limit)
    return f"{50 + 48 * inside / limit:.2f}%"


def _strip_row(group: StripGroup, limit: float, marks: Sequence[float]) -> Markup:
    middle = STRIP_HEIGHT / 2
    parts = [
        element(
            "rect",
            x=_across(-zone, limit),
            width=f"{96 * min(zone, limit) / limit:.2f}%",
            y=0,
            height=STRIP_HEIGHT,
            class_=class_,
        )
        for zone, class_ in ((FAR, "zone far"), (NEAR, "zone near"))
    ]
    parts += [
        element(
            "line",
            x1=_across(value, limit),
            x2=_across(value, limit),
            y1=0,
            y2=STRIP_HEIGHT,
            class_="zero" if abs(value) < 1e-9 else None,
        )
        for value in marks
    ]
    if group.floor is not None:
        told = element(
            "title", f"noise floor: {percent(group.floor)}, the error of predicting half of the real runs from the rest"
        )
        width = f"{96 * min(group.floor, limit) / limit:.2f}%"
        parts.append(
            element("rect", told, x=_across(-group.floor, limit), width=width, y=middle - 2, height=4, class_="floor")
        )
    for pair, level in zip(group.pairs, _levels([pair.error / limit for pair in group.pairs]), strict=True):
        at, y = _across(pair.error, limit), middle + 8 * level
        parts.append(
            element(
                "g",
                mark(SHAPES[pair.tone], "shape", at, y),
                class_=f"dot {pair.tone}",
                data_row=pair.row or None,
            )
        )
        if abs(pair.error) > limit:
            anchor, shift = ("end", -9) if pair.error > 0 else ("start", 9)
            text = percent(pair.error, signed=True)
            parts.append(element("text", text, x=at, dx=shift, y=y + 4, text_anchor=anchor, class_="tag"))
    words = f"{group.name}: " + ", ".join(f"{pair.name} {percent(pair.error, signed=True)}" for pair in group.pairs)
    return element("svg", *parts, width="100%", height=STRIP_HEIGHT, class_="strip-row", role="img", aria_label=words)


_CLOSE = 0.035
"""Of half the strip's width: marks nearer than that would hide each other."""


def _levels(places: Sequence[float]) -> list[int]:
    """Which of three levels (0 in the middle, -1 above, 1 below) each mark stands on, so that it hides no other."""
    last = {0: -9.0, -1: -9.0, 1: -9.0}
    found = [0] * len(places)
    for index in sorted(range(len(places)), key=lambda index: places[index]):
        place = min(max(places[index], -1.0), 1.0)
        free = [level for level, taken in last.items() if place - taken >= _CLOSE]
        level = free[0] if free else min(last, key=lambda level: last[level])
        last[level], found[index] = place, level
    return found
