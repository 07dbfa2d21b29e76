"""Updates in a trace: a write that rests on an earlier read of the same variable by the same thread.

Finds those between whose halves another thread wrote; whether anything orders that write is not asked here.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from ...simcore.trace import NOTHING, Trace
from .happens_before import ClockSteps
from .vocabulary import READ, WRITE

_LOOK_BACK = 1000
"""Events looked at for whether a read and a write follow each other immediately in their thread."""


@dataclass(frozen=True, slots=True)
class Update:
    """Event indices of the two halves. ``sure``: the value written is known to come from the one read."""

    read: int
    write: int
    thread: int
    sure: bool


@dataclass(slots=True)
class Updates:
    """The updates of one variable, and those that lost a foreign write: the update and the event of that write."""

    by_half: dict[int, Update] = field(default_factory=dict[int, Update])
    overwriting: list[tuple[Update, int]] = field(default_factory=list[tuple[Update, int]])


def updates(trace: Trace, steps: ClockSteps, variables: Set[int]) -> dict[int, Updates]:
    """Per variable (by its number in ``steps``) its updates."""
    found = {variable: Updates() for variable in variables}
    versions = dict.fromkeys(variables, 0)
    writers: dict[int, tuple[int, int]] = {}
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    for event, thread, code, variable in _accesses(steps, variables):
        key = (variable, thread)
        if code == READ:
            seen[key] = (event, versions[variable])
            continue
        saw = seen.pop(key, None)
        if saw is not None and code == WRITE:
            sure = _rests_on(trace, saw[0], event)
            if sure is not None:
                update = Update(saw[0], event, thread, sure)
                mine = found[variable]
                mine.by_half[update.read] = mine.by_half[update.write] = update
                if versions[variable] != saw[1]:
                    mine.overwriting.append((update, writers[variable][0]))
        versions[variable] += 1
        writers[variable] = (event, thread)
    return found


def _accesses(steps: ClockSteps, variables: Set[int]) -> Any:
    columns: list[Any] = [steps.events, steps.threads, steps.codes, steps.operands]
    if type(steps.codes) is not list:
        import numpy as np

        chosen = (steps.codes <= WRITE) & np.isin(steps.operands, list(variables))
        columns = [column[chosen].tolist() for column in columns]
    return (row for row in zip(*columns, strict=True) if row[2] <= WRITE and row[3] in variables)


def _rests_on(trace: Trace, read: int, write: int) -> bool | None:
    """Does the written value come from the one read? True: surely; False: probably (one function); None: no."""
    tables = trace.tables
    thread, _, _, _, here, number, _ = trace.row(write)
    there = trace.row(read)[4]
    extra: dict[str, Any] = tables.extras[number] if number != NOTHING else {}
    if extra.get("pair"):
        return True
    if extra.get("blind"):
        return None
    if there != NOTHING and here != NOTHING:
        one, other = tables.locations[there], tables.locations[here]
        if one.function or other.function:
            return False if (one.file, one.function) == (other.file, other.function) else None
    # A trace that knows no functions: only when the thread did nothing else in between.
    for event in range(write - 1, max(read, write - _LOOK_BACK) - 1, -1):
        if trace.row(event)[0] == thread:
            return True if event == read else None
    return None
