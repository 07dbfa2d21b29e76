"""Shared variables in a trace: the stale writes and unordered accesses that exploration found, put into findings.

Reads a trace in which accesses are recorded with their places; which of them have a consequence was decided by
exploration, which saw more than one execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..simcore.trace import NOTHING, Event, Op, Trace
from . import source
from .atomicity import reaches
from .describe import step, switches, thread_states
from .finding import Certainty, Finding, Related, Step, fingerprint
from .holding import OWNED_KINDS, PERMIT_KINDS, read

_MEMORY = frozenset({Op.READ, Op.WRITE, Op.ATOMIC})
_STEPS_MAX = 30


@dataclass(frozen=True, slots=True)
class StaleWrite:
    """A read, a foreign write and a write that rests on the read, as events of one trace."""

    read: Event
    foreign: Event
    write: Event


def find(trace: Trace, signature: tuple[Any, ...]) -> list[Finding]:
    """What a problem's schedule was repeated for: the stale write or the race that its signature names (see
    ``checkers.exploration.explore``). Empty for problems of another sort."""
    if signature[0] == "stale":
        _, _, first, foreign, last, racy, sure = signature
        found = find_stale(trace, (first, foreign, last))
        if found is None or not (racy or sure or _matters(trace, found)):
            return []
        return [stale_write(trace, found, racy=racy, sure=sure)]
    if signature[0] == "race":
        _, _, one, other, ends = signature
        pair = find_pair(trace, (one, other))
        certainty: Certainty = "predicted" if ends is None else "confirmed"
        return [] if pair is None else [unordered(trace, pair, ends, certainty=certainty)]
    return []


def _matters(trace: Trace, found: StaleWrite) -> bool:
    """Two critical sections of one function: was the second thread's write lost? Not when both wrote the same and the
    value does not come from the one read: each of two threads that miss in a cache may well fill it."""
    value = _value(found.write)
    if not value or value != _value(found.foreign):
        return True
    places = trace.tables.locations
    read, write = places[found.read.location], places[found.write.location]
    function = source.function_at(write.file, write.line)
    return function is not None and reaches(function, read.line, write.line)


def is_access(trace: Trace, event: Event) -> bool:
    return (
        event.operation in _MEMORY
        and event.object != NOTHING
        and trace.tables.objects[event.object].kind in ("Variable", "Container")
    )


def writes(event: Event) -> bool:
    """Does this access write? A whole container's says so itself."""
    return event.operation is Op.WRITE or (event.operation is Op.ATOMIC and _details(event).get("access") == "write")


def _details(event: Event) -> dict[str, Any]:
    return event.extra or {}


def find_stale(trace: Trace, places: tuple[str, str, str]) -> StaleWrite | None:
    """The first stale write in a trace whose read, foreign write and write are at these places."""
    last_read: dict[tuple[int, int], Event] = {}
    last_write: dict[int, Event] = {}
    for event in trace:
        if not is_access(trace, event):
            continue
        key = (event.thread, event.object)
        if not writes(event):
            last_read[key] = event
            continue
        before, foreign = last_read.pop(key, None), last_write.get(event.object)
        last_write[event.object] = event
        if (
            before is not None
            and foreign is not None
            and foreign.thread != event.thread
            and foreign.index > before.index
            and (trace.at(before.location), trace.at(foreign.location), trace.at(event.location)) == places
        ):
            return StaleWrite(before, foreign, event)
    return None


def find_pair(trace: Trace, places: tuple[str, str]) -> tuple[Event, Event] | None:
    """The two accesses to one variable at these places, by different threads, that are nearest to each other."""
    seen: dict[tuple[int, str], list[Event]] = {}
    objects = trace.tables.objects
    best: tuple[Event, Event] | None = None
    for event in trace:
        if not is_access(trace, event):
            continue
        place = trace.at(event.location)
        if place not in places:
            continue
        other_place = places[1] if place == places[0] else places[0]
        info = objects[event.object]
        target = info.part_of if info.part_of != NOTHING else event.object
        for other in reversed(seen.get((target, other_place), [])[-8:]):
            if (
                other.thread != event.thread
                and (writes(event) or writes(other))
                and (best is None or event.index - other.index < best[1].index - best[0].index)
            ):
                best = (other, event)
        seen.setdefault((target, place), []).append(event)
    return best


def stale_write(trace: Trace, found: StaleWrite, *, racy: bool, sure: bool) -> Finding:
    """The finding for a stale write: R002 when nothing orders the foreign write, R003 when locks do, in two sections."""
    thread, other = trace.thread_name(found.write.thread), trace.thread_name(found.foreign.thread)
    name = trace.object_name(found.write.object)
    at_read, at_foreign, at_write = (trace.at(e.location) for e in (found.read, found.foreign, found.write))
    events = [found.read, found.foreign, found.write]
    held = _held_at(trace, events)
    related = [
        _related(trace, found.read, f"{thread} reads {name}{_value(found.read)}"),
        _related(trace, found.foreign, f"{other} writes it{_value(found.foreign)}"),
        _related(trace, found.write, f"{thread} writes it{_value(found.write)}"),
    ]
    if racy:
        rule, kind, certainty = "R002", "lost-update", "confirmed"
        message = (
            f"{thread} overwrites what {other} wrote to {name}: it reads at {at_read}, {other} writes at {at_foreign}, "
            f"and {thread} writes at {at_write} what it computed from the old value"
            if sure
            else f"{thread} writes {name} at {at_write} after looking at {at_read}, but {other} has written it in "
            f"between at {at_foreign}"
        )
        why = _why_unordered(trace, events, held)
        suggestion = "Hold one lock from the read to the write, in every thread that writes it."
    else:
        rule, kind, certainty = "R003", "atomicity", "predicted"
        lock = trace.object_name(min(held[0] & held[2])) if held[0] & held[2] else "a lock"
        message = (
            f"{thread} writes {name} at {at_write} from what it read at {at_read} in an earlier critical section; "
            f"{other} wrote it in between at {at_foreign}"
        )
        why = f"Each access holds {lock}, but it is released between the read and the write that rests on it."
        suggestion = "Make it one critical section, or read again in the second one."
    return _finding(
        trace, rule, kind, certainty, message, events, related, why, suggestion, (name, at_read, at_foreign, at_write)
    )


def unordered(
    trace: Trace, pair: tuple[Event, Event], ends: tuple[str, str] | None, *, certainty: Certainty = "confirmed"
) -> Finding:
    """The R001 finding for two accesses that nothing orders; ``ends`` are the two ends their order decides between."""
    one, two = pair
    name = trace.object_name(one.object)
    phrases = [
        f"{trace.thread_name(event.thread)} {'writes' if writes(event) else 'reads'} at {trace.at(event.location)}"
        for event in pair
    ]
    message = f"{name} is raced for: {phrases[0]} and {phrases[1]}, and nothing orders the two"
    if ends is not None and all(ends):
        message += f"; depending on the order {ends[0]}, or {ends[1]}"
    elif ends is not None and any(ends):
        message += f"; in one order {ends[0] or ends[1]}"
    related = [
        _related(
            trace,
            event,
            f"{trace.thread_name(event.thread)} {'writes' if writes(event) else 'reads'} {name}{_value(event)}",
        )
        for event in pair
    ]
    why = _why_unordered(trace, [one, two], _held_at(trace, [one, two]))
    suggestion = "Guard every access with one lock, or hand the value over through a queue, an event or a join."
    return _finding(
        trace,
        "R001",
        "data-race",
        certainty,
        message,
        [one, two],
        related,
        why,
        suggestion,
        (name, *(trace.at(event.location) for event in pair)),
    )


def _finding(
    trace: Trace,
    rule: str,
    kind: str,
    certainty: Certainty,
    message: str,
    events: list[Event],
    related: list[Related],
    why: str,
    suggestion: str,
    told_by: tuple[str, ...],
) -> Finding:
    threads = list(dict.fromkeys(event.thread for event in events))
    shown = _steps_around(trace, events, set(threads))
    functions = [trace.tables.locations[event.location].function for event in events if event.location != NOTHING]
    return Finding(
        rule=rule,
        kind=kind,
        certainty=certainty,
        message=message,
        threads=[state for state in thread_states(read(trace), threads) if state.holds or state.waits],
        steps=shown,
        switches=switches(shown),
        why=why,
        suggestion=suggestion,
        related=related,
        fingerprint=fingerprint(rule, told_by[0], *functions),
    )


def _steps_around(trace: Trace, events: list[Event], threads: set[int]) -> list[Step]:
    """The accesses to the variable, and what the threads did to locks around them."""
    target = events[0].object
    locks = {
        index
        for index, info in enumerate(trace.tables.objects)
        if info.kind in OWNED_KINDS or info.kind in PERMIT_KINDS
    }
    first, last = min(event.index for event in events), max(event.index for event in events)
    wanted = {event.index for event in events}
    rows: list[Event] = []
    for event in trace:
        if event.thread not in threads or event.index > last:
            continue
        near = first <= event.index <= last
        access = event.object == target and is_access(trace, event)
        locking = event.object in locks and event.operation in (Op.ACQUIRE, Op.RELEASE)
        if event.index in wanted or (near and (access or locking)):
            rows.append(event)
    if len(rows) > _STEPS_MAX:
        rows = [event for event in rows if event.index in wanted]
    return [step(trace, event) for event in rows]


def _held_at(trace: Trace, events: list[Event]) -> list[set[int]]:
    """For each event, the locks its thread holds then."""
    held: dict[int, set[int]] = {}
    at: dict[int, set[int]] = {}
    wanted = {event.index for event in events}
    objects = trace.tables.objects
    for event in trace:
        mine = held.setdefault(event.thread, set())
        if event.index in wanted:
            at[event.index] = set(mine)
        if event.object == NOTHING:
            continue
        info = objects[event.object]
        if event.operation is Op.ACQUIRE and (info.kind in OWNED_KINDS or info.kind in PERMIT_KINDS):
            mine.add(event.object)
        elif event.operation is Op.RELEASE:
            mine.discard(event.object)
        elif event.operation is Op.WAIT and info.part_of != NOTHING:
            mine.discard(info.part_of)
    return [at[event.index] for event in events]


def _why_unordered(trace: Trace, events: list[Event], held: list[set[int]]) -> str:
    parts: list[str] = []
    for event, locks in zip(events, held, strict=True):
        names = ", ".join(sorted(trace.object_name(lock) for lock in locks)) or "no lock"
        parts.append(f"{trace.thread_name(event.thread)} holds {names} at {trace.at(event.location)}")
    common = set[int].intersection(*held)
    if common:
        names = ", ".join(sorted(trace.object_name(lock) for lock in common))
        return f"{'; '.join(dict.fromkeys(parts))}: {names} is released in between."
    return f"{'; '.join(dict.fromkeys(parts))}: no lock is common to them and nothing else orders them."


def _value(event: Event) -> str:
    value = _details(event).get("value", "")
    return f" ({value})" if value else ""


def _related(trace: Trace, event: Event, text: str) -> Related:
    return Related(text, trace.at(event.location), list(_details(event).get("stack", [])))
