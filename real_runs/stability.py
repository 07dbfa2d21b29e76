"""Was the machine the same before and after the real runs? Its hand-over, the most volatile of its costs, tells."""

from __future__ import annotations

from collections.abc import Callable

from .calibration import CalibrationError, moved
from .rules import Rules
from .suite_result import Stability


def measure_handover(handover: Callable[[], float] | None, limits: dict[str, None]) -> float | None:
    """In nanoseconds; None when it is not asked for, or cannot be measured, which becomes one of the ``limits``."""
    if handover is None:
        return None
    try:
        return handover()
    except CalibrationError as error:
        limits[f"whether the machine was stable is not known: {error}"] = None
        return None


def stability(before_ns: float | None, after_ns: float | None, rules: Rules) -> Stability | None:
    """The two hand-overs and whether they are too far apart; None when one is missing."""
    if before_ns is None or after_ns is None:
        return None
    share = moved(before_ns, after_ns)
    return Stability(before_ns=before_ns, after_ns=after_ns, moved=share, unstable=share > rules.moved_max)
