"""Races as findings: what to say of each, and of which to say nothing but a line.

Takes races and the trace they are from; judges none. Rules R001, R002.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ...simcore.trace import NOTHING, Op, Trace
from ..finding import Certainty, Finding, Hold, Related, Step, ThreadState, fingerprint
from .races import Race, Severity, races
from .vocabulary import LOCK_KINDS, SMALL, Semaphores


def find(
    trace: Trace, *, strict: bool = False, semaphores: Semaphores | None = None
) -> tuple[list[Finding], list[str]]:
    """The findings R001 and R002 of a trace, and a line for each race that is none.

    Lost updates are findings; so are, with ``strict``, all other races. Without it a race that does no harm while the
    GIL is held becomes a note. Variables with a race between the same two places are one finding.
    """
    found = _folded(trace, races(trace, semaphores=semaphores))
    held = _held_at(trace, {event for race in found for event in (race.earlier, race.later)})
    findings: list[Finding] = []
    notes: list[str] = []
    for race in found:
        if race.severity is Severity.LOST_UPDATE:
            findings.append(_lost_update(trace, race, held))
        elif strict:
            findings.append(_data_race(trace, race, held))
        else:
            notes.append(_note(trace, race))
    return findings, notes


def _folded(trace: Trace, found: list[Race]) -> list[Race]:
    by_places: dict[Any, Race] = {}
    for race in found:
        places = sorted(trace.row(event)[4] for event in (race.earlier, race.later))
        if NOTHING in places:
            places = [-2 - race.variable]
        first = by_places.setdefault((race.severity, *places), race)
        if first is not race:
            first.seen += race.seen
            first.alike.append(race.variable)
    return list(by_places.values())


Held = dict[int, list[tuple[int, int]]]
"""Per event, the locks its thread holds there and where it took them."""


def _held_at(trace: Trace, events: set[int]) -> Held:
    objects = trace.tables.objects
    holding: dict[int, list[tuple[int, int]]] = {}
    held: Held = {}
    wanted = sorted(events, reverse=True)
    for index, (thread, operation, _, target, location, _, _) in _lock_rows(trace):
        while wanted and wanted[-1] <= index:
            _keep(trace, held, wanted.pop(), holding)
        if operation == Op.ACQUIRE and objects[target].kind in LOCK_KINDS:
            holding.setdefault(thread, []).append((target, location))
        elif operation == Op.RELEASE:
            _drop(holding.get(thread, []), target, 1)
        elif operation == Op.WAIT and objects[target].kind == "Condition":
            _drop(holding.get(thread, []), objects[target].part_of, None)
    for event in wanted:
        _keep(trace, held, event, holding)
    return held


def _keep(trace: Trace, held: Held, event: int, holding: dict[int, list[tuple[int, int]]]) -> None:
    held[event] = list(dict(holding.get(trace.row(event)[0], ())).items())


def _lock_rows(trace: Trace) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The events that may change who holds what, with their index."""
    if len(trace) <= SMALL:
        yield from enumerate(trace.rows())
        return
    import numpy as np

    columns = trace.columns
    chosen = np.flatnonzero(np.isin(columns["operation"], (Op.ACQUIRE, Op.RELEASE, Op.WAIT)))
    yield from zip(chosen.tolist(), columns[chosen].tolist(), strict=True)


def _drop(held: list[tuple[int, int]], target: int, levels: int | None) -> None:
    """Take the last level of a lock away, or with None all."""
    for position in range(len(held) - 1, -1, -1):
        if held[position][0] == target:
            del held[position]
            if levels is not None:
                return


def _lost_update(trace: Trace, race: Race, held: Held) -> Finding:
    update = race.update
    assert update is not None
    name = trace.object_name(race.variable)
    mine, other = trace.thread_name(update.thread), trace.thread_name(trace.row(race.foreign)[0])
    read_at, write_at = trace.at(trace.row(update.read)[4]), trace.at(trace.row(update.write)[4])
    foreign_at = trace.at(trace.row(race.foreign)[4])
    where = f" at {write_at}" if write_at else ""
    overwrites = "overwrites" if race.happened else "can overwrite"
    message = f"{mine}'s update of {name}{where} {overwrites} the value that {other} wrote{_at(foreign_at)}"
    lines = f"reads {name}{_at(read_at)} and writes it{_at(write_at if write_at != read_at else '')}"
    tale = "wrote in between" if race.happened else "may write in between"
    rests = "" if update.sure else " (if what it writes rests on what it read)"
    certainty: Certainty = ("confirmed" if update.sure else "observed") if race.happened else "predicted"
    return _finding(
        trace,
        race,
        held,
        rule="R002",
        kind="lost-update",
        certainty=certainty,
        message=message,
        why=f"{mine} {lines}; {other} {tale}{rests}. {_reason(trace, race, held)}",
        suggestion=_remedy(trace, race, held, "from the read to the write"),
        shown=sorted({update.read, update.write, race.foreign, race.earlier, race.later}),
    )


def _data_race(trace: Trace, race: Race, held: Held) -> Finding:
    name = trace.object_name(race.variable)
    one, other = _doing(trace, race.earlier, name), _doing(trace, race.later, "it")
    effect = "While the GIL is held each access is one step of its own; without it the order is open."
    if race.publishes:
        names = ", ".join(trace.object_name(target) for target in race.publishes[:3])
        effect = f"It is what makes {names} visible to the other thread: without the GIL that may show old values."
    return _finding(
        trace,
        race,
        held,
        rule="R001",
        kind="data-race",
        certainty="predicted",
        message=f"{one} and {other}, and nothing orders the two",
        why=f"{_reason(trace, race, held)} {effect}",
        suggestion=_remedy(trace, race, held, "around both accesses"),
        shown=[race.earlier, race.later],
    )


def _note(trace: Trace, race: Race) -> str:
    name = trace.object_name(race.variable)
    one, other = _doing(trace, race.earlier, ""), _doing(trace, race.later, "")
    more = f" (so are {len(race.alike)} more)" if race.alike else ""
    harm = "one step each while the GIL is held"
    if race.publishes:
        harm += f"; without it {trace.object_name(race.publishes[0])} may show an old value"
    return f"{name}: {one} and {other}, unordered{more}; {harm}"


def _finding(
    trace: Trace,
    race: Race,
    held: Held,
    *,
    rule: str,
    kind: str,
    certainty: Certainty,
    message: str,
    why: str,
    suggestion: str,
    shown: list[int],
) -> Finding:
    name = trace.object_name(race.variable)
    if race.alike:
        names = ", ".join(trace.object_name(target) for target in race.alike[:3])
        more = f" and {len(race.alike) - 3} more" if len(race.alike) > 3 else ""
        why += f" The same at the same places: {names}{more}."
    functions = sorted(_function(trace, trace.row(event)[4]) for event in (race.earlier, race.later))
    return Finding(
        rule=rule,
        kind=kind,
        certainty=certainty,
        message=message,
        threads=[
            ThreadState(
                name=trace.thread_name(trace.row(event)[0]),
                state="running",
                holds=[Hold(trace.object_name(target), trace.at(place)) for target, place in held[event]],
            )
            for event in (race.earlier, race.later)
        ],
        steps=[_step(trace, event) for event in shown],
        switches=sum(1 for one, other in pairwise(shown) if trace.row(one)[0] != trace.row(other)[0]),
        why=why,
        suggestion=suggestion,
        related=[_related(trace, event, name) for event in (race.earlier, race.later)],
        fingerprint=fingerprint(rule, name, *functions),
        seen=race.seen,
    )


def _function(trace: Trace, location: int) -> str:
    return "" if location == NOTHING else trace.tables.locations[location].function


def _step(trace: Trace, event: int) -> Step:
    thread, operation, _, target, location, _, _ = trace.row(event)
    return Step(
        step=event + 1,
        thread=trace.thread_name(thread),
        operation=Op(operation).label,
        object=trace.object_name(target),
        at=trace.at(location),
    )


_VERBS = {Op.READ: "reads", Op.WRITE: "writes", Op.ATOMIC: "changes"}


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _doing(trace: Trace, event: int, what: str) -> str:
    thread, operation, _, _, location, _, _ = trace.row(event)
    what = f" {what}" if what else ""
    return f"{trace.thread_name(thread)} {_VERBS[Op(operation)]}{what}{_at(trace.at(location))}"


def _related(trace: Trace, event: int, name: str) -> Related:
    row = trace.row(event)
    at, function = trace.at(row[4]), _function(trace, row[4])
    stack = [f"{at} in {function}"] if at and function else []
    return Related(f"{trace.thread_name(row[0])} {_VERBS[Op(row[1])]} {name}", at, stack)


def _reason(trace: Trace, race: Race, held: Held) -> str:
    holders: list[str] = []
    for event in (race.earlier, race.later):
        names = [trace.object_name(target) for target, _ in held[event]]
        if names:
            holders.append(f"{trace.thread_name(trace.row(event)[0])} holds {_list(names)}")
    if not holders:
        return "No lock is held at either place, and nothing orders them."
    if len(holders) == 1:
        return f"Only {holders[0]}: no common lock, and nothing orders them."
    return f"{holders[0]}, {holders[1]}: no common lock, and nothing orders them."


def _remedy(trace: Trace, race: Race, held: Held, extent: str) -> str:
    locks = [target for event in (race.earlier, race.later) for target, _ in held[event]]
    if locks:
        return f"Hold {trace.object_name(locks[0])} {extent}, in both threads."
    return f"Hold one lock {extent}, in both threads, or hand the value over through a queue."


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
