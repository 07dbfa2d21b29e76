"""The races of a trace, one a variable, and how bad each is: a lost update, an order, or nothing while the GIL is held.

Judges pairs of unordered accesses; finds none itself and has no words for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from ...simcore.trace import NOTHING, Trace
from .fasttrack import Races, chained, race_pairs
from .happens_before import ClockSteps, Order, clock_steps
from .updates import Update, Updates, updates
from .vocabulary import ATOMIC, WRITE, Semaphores


class Severity(IntEnum):
    """What a race can do, the worst last."""

    BENIGN = 1
    """Each access is one step while the GIL is held, and nothing else rests on their order."""
    ORDERING = 2
    """It is what makes other data visible: without the GIL the reader may see the mark and old data."""
    LOST_UPDATE = 3
    """A write that rests on an earlier read can undo the other thread's write, with the GIL too."""


@dataclass(slots=True)
class Race:
    """Unordered accesses to one variable. Numbers are event indices, ``variable`` is an object index.

    For a lost update ``update`` is the read and the write it rests on, and one of ``earlier`` and ``later`` the foreign
    write; ``happened`` when that came between the two in this very run.
    """

    variable: int
    earlier: int
    later: int
    severity: Severity
    seen: int
    update: Update | None = None
    foreign: int = NOTHING
    happened: bool = False
    publishes: list[int] = field(default_factory=list[int])
    """Objects whose other accesses only this race orders."""
    alike: list[int] = field(default_factory=list[int])
    """Other variables with a race between the same two places."""


def races(trace: Trace, *, semaphores: Semaphores | None = None, compiled: bool | None = None) -> list[Race]:
    """All races of a trace, one a variable, the most severe first; each can really come about.

    A pair that only a race before it makes unordered is none: what a thread saw orders it (schedulable
    happens-before). So a program without races has none here, whatever its schedule was.
    """
    steps = clock_steps(trace, semaphores=semaphores)
    by_locks = race_pairs(steps, compiled=compiled)
    if not by_locks.seen:
        return []
    found = race_pairs(steps, observed=chained(steps, by_locks), compiled=compiled)
    halves = updates(trace, steps, found.seen.keys())
    order = Order(steps) if any(part.overwriting for part in halves.values()) else None
    result = [_race(trace, steps, found, variable, halves[variable], order) for variable in sorted(found.pairs)]
    _find_published(trace, steps, by_locks, result)
    return sorted(result, key=lambda race: (-race.severity, not race.happened, race.later - race.earlier))


def _race(trace: Trace, steps: ClockSteps, found: Races, variable: int, halves: Updates, order: Order | None) -> Race:
    pairs = found.pairs[variable]
    earlier, later = min(pairs, key=lambda pair: pair[1] - pair[0])
    race = Race(steps.variables[variable], earlier, later, Severity.BENIGN, found.seen[variable])
    for update, foreign in sorted(halves.overwriting, key=lambda item: item[0].write - item[0].read):
        assert order is not None
        if trace.row(update.write)[6] != NOTHING and trace.header.world == "real":
            break  # stamps do not say for sure which of two accesses came first
        other = trace.row(foreign)[0]
        read_first = order.ordered(update.read, update.thread, foreign, other)
        write_last = order.ordered(foreign, other, update.write, update.thread)
        if not (read_first and write_last):
            race.severity, race.update, race.foreign, race.happened = Severity.LOST_UPDATE, update, foreign, True
            race.earlier, race.later = (foreign, update.write) if read_first else (update.read, foreign)
            return race
    writes = _writes(steps, variable)
    for earlier, later in sorted(pairs, key=lambda pair: pair[1] - pair[0]):
        for half, foreign in ((earlier, later), (later, earlier)):
            update = halves.by_half.get(half)
            if update is not None and foreign in writes and trace.row(foreign)[0] != update.thread:
                race.severity, race.update, race.foreign = Severity.LOST_UPDATE, update, foreign
                race.earlier, race.later = earlier, later
                return race
    return race


def _writes(steps: ClockSteps, variable: int) -> set[int]:
    """The events that change a variable."""
    columns: list[Any] = [steps.events, steps.codes, steps.operands]
    if type(steps.codes) is not list:
        chosen = steps.operands == variable
        columns = [column[chosen].tolist() for column in columns]
    return {
        event for event, code, operand in zip(*columns, strict=True) if operand == variable and code in (ATOMIC, WRITE)
    }


def _find_published(trace: Trace, steps: ClockSteps, by_locks: Races, result: list[Race]) -> None:
    """Raise the severity of races that are what orders accesses to other variables."""
    schedulable = {race.variable for race in result}
    for variable, pairs in by_locks.pairs.items():
        target = steps.variables[variable]
        if target in schedulable:
            continue
        first, second = pairs[0]
        between = (trace.row(first)[0], trace.row(second)[0])
        for race in result:
            if (
                first <= race.earlier < race.later <= second
                and (trace.row(race.earlier)[0], trace.row(race.later)[0]) == between
            ):
                race.publishes.append(target)
                race.severity = max(race.severity, Severity.ORDERING)
