"""Markup for the report: elements whose texts are escaped, and the arithmetic of drawing (text widths, axis ticks).

It knows nothing of findings, traces or predictions; names from user programs pass through here and come out harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import floor, log10

_STEPS = (1, 2, 5, 10)


class Markup(str):
    """Text that is markup already; every other text is escaped where it enters an element."""

    __slots__ = ()

    def __html__(self) -> str:
        """Tells Jinja's autoescape to leave it as it is."""
        return str(self)


def element(tag: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """One element. ``class_`` becomes ``class``, other underscores hyphens; attributes that are None are left out."""
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            shown = number(value) if isinstance(value, float | int) else escape(value)
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{shown}"')
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"{''.join(parts)}>{inner}</{tag}>")


def join(parts: list[Markup] | Iterator[Markup]) -> Markup:
    return Markup("".join(parts))


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, never ``-0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return "0" if text == "-0" else text


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, cut in the middle: names differ at both ends (``server.workers[0].mutex``)."""
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round values from ``low`` to ``high``: steps of 1, 2 or 5 times a power of ten."""
    if not high > low or count < 1:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in _STEPS if factor * power >= rough * 0.999)
    first = floor(low / step)
    values = [(first + offset) * step for offset in range(int((high - low) / step) + 3)]
    # Far from zero neighbouring values may round to the same float; each is kept once.
    return list(dict.fromkeys(value for value in values if low - step * 1e-6 <= value <= high + step * 1e-6))


_TIME_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def time_unit(span_ns: float) -> tuple[int, str]:
    """The unit in which a span of time reads best, and its length in nanoseconds."""
    return next((unit for unit in _TIME_UNITS if span_ns >= unit[0]), _TIME_UNITS[-1])


def duration(nanoseconds: float) -> str:
    """``1.25 ms``: three significant digits and a unit."""
    scale, unit = time_unit(abs(nanoseconds))
    return f"{significant(nanoseconds / scale)} {unit}"


def seconds(value: float) -> str:
    """Like :func:`duration`, from seconds."""
    return "0 s" if value == 0 else duration(value * 1e9)


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent: ``0.0123``, ``1.25``, ``4,200``."""
    if value == 0:
        return "0"
    decimals = digits - 1 - floor(log10(abs(value)))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"
