"""How the report writes numbers of predictions and measurements: percentages, factors, values with their interval.

Plain functions from numbers to text; times are in seconds, shares and errors relative (0.05 is 5 %).
"""

from __future__ import annotations

from .report_svg import significant, time_unit

MINUS = "\N{MINUS SIGN}"


def percent(share: float, *, signed: bool = False) -> str:
    """``+2.1 %`` with a true minus sign; one decimal below ten percent, and no sign on what is rounded to nothing."""
    value = 100 * share
    if abs(value) < 0.05:
        return "0.0 %"
    digits = 1 if abs(value) < 10 else 0
    return f"{value:{'+' if signed else ''}.{digits}f} %".replace("-", MINUS)


def points(share: float) -> str:
    """A difference of two shares in percentage points, signed: ``+3.2 points``."""
    return f"{100 * share:+.1f} points".replace("-", MINUS)


def times(factor: float) -> str:
    """``3.12×``."""
    return f"{factor:.2f}\N{MULTIPLICATION SIGN}"


def with_interval(value: float, interval: tuple[float, float] | None) -> str:
    """``541 [525, 558] ms``, from seconds: one unit for all three."""
    scale, unit = time_unit(abs(value) * 1e9 or 1)

    def show(number: float) -> str:
        return significant(number * 1e9 / scale)

    between = "" if interval is None else f" [{show(interval[0])}, {show(interval[1])}]"
    return f"{show(value)}{between} {unit}"


def percent_interval(interval: tuple[float, float] | None) -> str:
    """``[1.8 %, 2.6 %]``, or nothing."""
    return "" if interval is None else f"[{percent(interval[0])}, {percent(interval[1])}]"
