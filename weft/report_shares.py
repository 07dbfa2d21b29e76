"""Where the time of runs went: bars of the threads' states, the same states in the same order and fill everywhere.

It knows shares by their names and draws nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .report_runs import Run, axis_of, label_of

FILLS = {
    "running": "running",
    "running or ready": "running",
    "ready": "ready",
    "waiting": "other",
    "lock wait": "blocked",
    "gil wait": "gil",
    "sleeping": "sleeping",
    "io": "release",
    "gpu wait": "other",
    "idle": "sleeping",
    "join wait": "join",
}
"""The fill of each state, in the order in which bars show them; states that are not here are ``other``."""
BARS_MAX = 24


@dataclass(frozen=True, slots=True)
class Share:
    """A stretch of a state bar, in percent."""

    name: str
    fill: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """Where the time of one run went. ``bottleneck`` is the run's own words."""

    label: str
    shares: list[Share]
    bottleneck: str


def stretches(time_in: Mapping[str, float]) -> list[Share]:
    """The states that took any time, one after the other, 100 % together; none when there was no time at all."""
    total = sum(max(value, 0.0) for value in time_in.values())
    found: list[Share] = []
    start = 0.0
    for name in in_order(time_in) if total else []:
        width = 100 * max(time_in[name], 0.0) / total
        if width > 0:
            found.append(Share(name, FILLS.get(name, "other"), start, width))
            start += width
    return found


def in_order(names: Iterable[str]) -> list[str]:
    """States in the order of the bars, unknown ones last."""
    known = list(FILLS)
    return sorted(dict.fromkeys(names), key=lambda name: known.index(name) if name in FILLS else len(known))


def legend_of(bars: Iterable[Iterable[Share]]) -> list[tuple[str, str]]:
    """(fill, state) of everything that is drawn."""
    return [(FILLS.get(name, "other"), name) for name in in_order(share.name for bar in bars for share in bar)]


def bars(runs: list[Run]) -> tuple[list[Bar], list[tuple[str, str]]]:
    """One bar a run that says where its time went, and the legend: (fill, state)."""
    axis = axis_of(runs)
    drawn = [
        Bar(label_of(run, axis), shares, run.bottleneck or "")
        for run in runs[:BARS_MAX]
        if (shares := stretches(run.time_in))
    ]
    return drawn, legend_of(bar.shares for bar in drawn)
