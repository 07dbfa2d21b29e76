"""What holds a prediction back and what helps: the critical path in parts, how many threads are enough, what-ifs.

It puts findings of ``weft predict`` into rows; how they were found is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .report_numbers import percent, times
from .report_runs import gil_words
from .report_svg import seconds
from .report_tables import Cell, Table
from .simcore.bottlenecks import Attribution, PathShare, WhatIf

PARTS_MAX = 8
"""Parts of a critical path that are shown; the rest is one row."""
_FILLS = {
    "compute": "running",
    "core": "ready",
    "lock": "blocked",
    "gil": "gil",
    "sleep": "release",
    "time-out": "sleeping",
    "wake-up": "join",
}
"""The fill of each kind of time; what is not here is ``other``."""


@dataclass(frozen=True, slots=True)
class PathPart:
    """One row: its share in percent, in a bar and in words."""

    fill: str
    width: float
    share: str
    what: str
    more: str


@dataclass(frozen=True, slots=True)
class Path:
    """The critical path of one configuration, longest part first."""

    name: str
    sentence: str
    parts: list[PathPart]


def paths(found: Sequence[Attribution]) -> list[Path]:
    """One for each configuration that was looked into."""
    return [_path(each, len(found) > 1) for each in found]


def _path(each: Attribution, several: bool) -> Path:
    cores = "1 core" if each.cores == 1 else f"{each.cores} cores"
    settings = [f"{name}={value}" for name, value in each.params.items()]
    name = ", ".join([cores, *settings, *([gil_words(each.gil)] if several else [])])
    parts = [_part(part) for part in each.path[:PARTS_MAX]]
    rest = each.path[PARTS_MAX:]
    if rest:
        share = sum(part.share for part in rest)
        parts.append(PathPart("other", 100 * share, percent(share), f"{len(rest)} further parts", ""))
    return Path(name, each.sentence, parts)


def _part(part: PathShare) -> PathPart:
    held = f"held by {', '.join(part.held_by)}" if part.held_by else ""
    more = "; ".join(words for words in (seconds(part.seconds), held) if words)
    return PathPart(_FILLS.get(part.kind, "other"), 100 * part.share, percent(part.share), part.what, more)


def what_if_table(found: Sequence[WhatIf]) -> Table | None:
    """Each change and what it is predicted to gain; None when none was asked for."""
    if not found:
        return None
    rows = [
        [
            Cell(each.change),
            Cell("" if each.seconds is None else seconds(each.seconds), each.seconds),
            Cell("" if each.gain is None else times(each.gain), each.gain, more=each.reason),
        ]
        for each in found
    ]
    return Table(["change", "predicted", "times faster"], [False, True, True], rows)
