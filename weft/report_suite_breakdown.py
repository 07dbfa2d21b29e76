"""Where the time went, simulated beside real: a right total for wrong reasons is caught here.

It compares shares that a SuiteResult has of both; how they were measured is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .report_numbers import percent, points
from .report_shares import Share, in_order, legend_of, stretches
from .report_suite_rows import Named

PAIRS_MAX = 16
"""Workloads whose bars are drawn; more are in the JSON."""
_SAME = 0.005
"""Half a percentage point: less is not worth a sentence."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One configuration: two bars, and what they differ in most."""

    name: str
    simulated: list[Share]
    real: list[Share]
    apart: float
    """Half the sum of the shares' differences: the part of the time that is booked under another state."""
    difference: str


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """One configuration of each workload, and the legend of all bars."""

    pairs: list[Breakdown]
    legend: list[tuple[str, str]]
    hidden: int


_COARSE: dict[str, Callable[[str], bool]] = {
    "waiting": lambda state: state not in ("running", "running or ready", "ready"),
    "running or ready": lambda state: state in ("running", "ready"),
}
"""States that a real run may not tell apart: the kernel does not know what a thread waits for."""


def merged(shares: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """``shares`` with the states put together that the other side does not tell apart."""
    found = dict(shares)
    for whole, belongs in _COARSE.items():
        if whole in other and whole not in found:
            parts = [state for state in found if belongs(state)]
            found[whole] = sum(found.pop(state) for state in parts)
    return found


def differences(simulated: Mapping[str, float], real: Mapping[str, float]) -> list[tuple[str, float]]:
    """(state, simulated minus real share), the largest magnitude first."""
    ours, theirs = _normal(merged(simulated, real)), _normal(merged(real, simulated))
    found = [(name, ours.get(name, 0.0) - theirs.get(name, 0.0)) for name in in_order([*ours, *theirs])]
    return sorted(found, key=lambda each: -abs(each[1]))


def _normal(shares: Mapping[str, float]) -> dict[str, float]:
    whole = sum(max(value, 0.0) for value in shares.values()) or 1.0
    return {name: max(value, 0.0) / whole for name, value in shares.items()}


def breakdowns(rows: Sequence[Named]) -> Breakdowns | None:
    """The configuration with the most threads of each workload that was recorded; None when none was."""
    chosen: dict[str, Named] = {}
    for each in rows:
        if each.row.measured_time_in and each.row.time_in:
            best = chosen.get(each.row.workload)
            if best is None or _rank(each) > _rank(best):
                chosen[each.row.workload] = each
    if not chosen:
        return None
    pairs = [_breakdown(each) for each in list(chosen.values())[:PAIRS_MAX]]
    legend = legend_of(bar for pair in pairs for bar in (pair.simulated, pair.real))
    return Breakdowns(pairs, legend, max(len(chosen) - PAIRS_MAX, 0))


def _rank(each: Named) -> tuple[int, bool]:
    return each.row.threads, each.row.pinned


def _breakdown(each: Named) -> Breakdown:
    real = each.row.measured_time_in or {}
    apart = differences(each.row.time_in, real)
    total = sum(abs(change) for _, change in apart) / 2
    if total < _SAME:
        words = "the same"
    else:
        state, change = apart[0]
        words = f"{percent(total)} of the time booked differently; most: {state} {points(change)}"
    return Breakdown(each.name, stretches(each.row.time_in), stretches(real), total, words)
