"""How far predictions are off: predicted against measured, and how many are within an error.

It takes pairs of numbers with a name; whose they are (a suite's rows, a validation's runs) is not known here.
Errors are signed and relative: ``predicted / measured - 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .report_numbers import percent, with_interval
from .report_plot import MARKS, Frame, Scale, Ticks, chart, frame, log_bounds, mark, path, whisker
from .report_svg import Markup, element, time_unit

NEAR, FAR = 0.05, 0.10
"""The two bands that errors are seen against: what published simulators reach inside their envelope, and twice that."""
_LOG_FROM = 3.0
"""Largest over smallest time from which on a scatter is drawn on logarithmic axes."""

SHAPES = {"right": "disc", "plain": "disc", "wrong": "diamond", "bound": "square", "none": "cross"}
"""What a pair came to, and its mark; ``plain`` has no verdict because nobody asked for one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One prediction and its measurement, in seconds. ``tone`` is a key of :data:`SHAPES`, ``row`` its table row's id."""

    name: str
    predicted: float
    measured: float
    predicted_interval: tuple[float, float] | None = None
    measured_interval: tuple[float, float] | None = None
    tone: str = "plain"
    row: str = ""

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1

    @property
    def words(self) -> str:
        """All of it, for whoever rests a pointer on it."""
        return (
            f"{self.name}\npredicted {with_interval(self.predicted, self.predicted_interval)}\n"
            f"measured {with_interval(self.measured, self.measured_interval)}\n{percent(self.error, signed=True)}"
        )


# Predicted against measured.

_SQUARE = Frame(width=440, height=440, left=58, right=428, top=24, bottom=394)


def scatter(pairs: Sequence[Pair]) -> Markup | None:
    """Each pair as a mark over the line where both are equal and its two bands; None for fewer than two pairs."""
    drawn = [pair for pair in pairs if pair.predicted > 0 and pair.measured > 0]
    if len(drawn) < 2:
        return None
    values = [value for pair in drawn for value in (pair.predicted, pair.measured)]
    log = max(values) / min(values) > _LOG_FROM
    low, high = log_bounds(values) if log else _linear_bounds(values)
    x = Scale(low, high, _SQUARE.left, _SQUARE.right, log)
    y = Scale(low, high, _SQUARE.bottom, _SQUARE.top, log)
    scale, unit = time_unit(high * 1e9)
    marks = [(value, f"{value * 1e9 / scale:.4g}") for value in x.ticks(6)]
    parts = [
        _zone(x, y, FAR, "zone far"),
        _zone(x, y, NEAR, "zone near"),
        frame(
            _SQUARE,
            Ticks([(x(value), text) for value, text in marks], f"measured, {unit}"),
            Ticks([(y(value), text) for value, text in marks], f"predicted, {unit}"),
        ),
        element("line", x1=x(low), y1=y(low), x2=x(high), y2=y(high), class_="equal"),
        *(_scattered(pair, x, y) for pair in drawn),
    ]
    near = sum(abs(pair.error) <= NEAR for pair in drawn)
    far = sum(abs(pair.error) <= FAR for pair in drawn)
    words = (
        f"Predicted against measured seconds of {len(drawn)} configurations: {near} within {percent(NEAR)}, "
        f"{far} within {percent(FAR)}. The table has every number."
    )
    return chart(_SQUARE, words, *parts)


def _linear_bounds(values: Sequence[float]) -> tuple[float, float]:
    room = (max(values) - min(values)) * 0.08 or max(values) * 0.2
    return max(min(values) - room, min(values) / 2), max(values) + room


def _zone(x: Scale, y: Scale, tolerance: float, class_: str) -> Markup:
    """Where the error is at most ``tolerance``: straight edges on linear and on logarithmic axes alike."""
    low, high = x.low, x.high
    corners = [
        (low, min(low * (1 + tolerance), high)),
        (max(high / (1 + tolerance), low), high),
        (high, high),
        (high, max(high * (1 - tolerance), low)),
        (min(low / (1 - tolerance), high), low),
        (low, low),
    ]
    return element("path", d="M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in corners) + "Z", class_=class_)


def _scattered(pair: Pair, x: Scale, y: Scale) -> Markup:
    across, up = x(pair.measured), y(pair.predicted)
    parts: list[Markup] = []
    if pair.measured_interval is not None:
        low, high = pair.measured_interval
        parts.append(whisker(up, x(max(low, x.low)), x(high), across=True))
    if pair.predicted_interval is not None:
        low, high = pair.predicted_interval
        parts.append(whisker(across, y(max(low, y.low)), y(high)))
    parts.append(mark(SHAPES[pair.tone], "shape", across, up, pair.words))
    return element("g", *parts, class_=f"dot {pair.tone}", data_row=pair.row or None)


# The distribution of errors.


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """Errors of one way to predict. ``class_`` tells its line apart."""

    name: str
    class_: str
    errors: Sequence[float]


_ERRORS = Frame(width=440, height=440, left=58, right=418, top=24, bottom=394)
_ERROR_LOW, _ERROR_HIGH = 0.001, 1.0


def shares_within(errors: Sequence[float]) -> list[tuple[float, float]]:
    """(error, share of the magnitudes up to it) at every step of the empirical distribution, in ascending order."""
    ordered = sorted(abs(error) for error in errors)
    return [(error, (rank + 1) / len(ordered)) for rank, error in enumerate(ordered)]


def distribution(curves: Sequence[ErrorCurve]) -> Markup | None:
    """How large a share of the configurations is within an error, as steps; None without errors."""
    drawn = [curve for curve in curves if curve.errors]
    if not drawn:
        return None
    x = Scale(_ERROR_LOW, _ERROR_HIGH, _ERRORS.left, _ERRORS.right, log=True)
    y = Scale(0, 1, _ERRORS.bottom, _ERRORS.top)
    x_ticks = [(x(value), f"{100 * value:g}") for value in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)]
    y_ticks = [(y(share), f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)]
    guides = [
        element("line", x1=x(error), x2=x(error), y1=_ERRORS.top, y2=_ERRORS.bottom, class_="guide")
        for error in (NEAR, FAR)
    ]
    guides += [
        element("text", f"{100 * NEAR:g} %", x=x(NEAR) - 4, y=_ERRORS.bottom - 6, text_anchor="end", class_="tag"),
        element("text", f"{100 * FAR:g} %", x=x(FAR) + 4, y=_ERRORS.bottom - 6, class_="tag"),
    ]
    # The first one is what the reader came for: it is drawn last, above the others.
    lines = [_steps(curve, x, y) for curve in reversed(drawn)]
    words = "Share of the configurations within an error. " + "; ".join(_half(curve) for curve in drawn)
    title = Ticks(x_ticks, "error, percent in magnitude")
    return chart(_ERRORS, words, frame(_ERRORS, title, Ticks(y_ticks, "share within")), *guides, *lines)


def _half(curve: ErrorCurve) -> str:
    found = shares_within(curve.errors)
    median = next(error for error, share in found if share >= 0.5)
    return f"{curve.name}: half within {percent(median)}, all within {percent(found[-1][0])}"


def _steps(curve: ErrorCurve, x: Scale, y: Scale) -> Markup:
    before = 0.0
    line: list[tuple[float, float]] = [(x(_ERROR_LOW), y(0))]
    for error, share in shares_within(curve.errors):
        line += [(x(error), y(before)), (x(error), y(share))]
        before = share
    line.append((x(_ERROR_HIGH), y(1)))
    return element("g", path(line, "curve"), class_=curve.class_)


# The legend of the marks.

_WORDS = {
    "right": "right",
    "wrong": "wrong",
    "bound": "outside the envelope, bound only",
    "none": "no verdict",
    "plain": "configuration",
}


def mark_legend(pairs: Sequence[Pair]) -> list[tuple[str, str, str]]:
    """(tone, path of the mark, words) of the marks that occur."""
    used = {pair.tone for pair in pairs}
    return [(tone, MARKS[shape], _WORDS[tone]) for tone, shape in SHAPES.items() if tone in used]
