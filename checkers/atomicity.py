"""Atomicity of two critical sections (R003): a value read in one section is stale when a later section writes it back.

A transaction is what one call of a function does in its sections of one lock; nobody has to declare it. Reads a trace
with memory accesses, and the program's text to see that the value written comes from the value read.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..simcore.trace import NOTHING, Event, Op, Trace
from . import source
from .describe import step, switches, thread_states
from .finding import Certainty, Finding, Related, fingerprint
from .holding import OWNED_KINDS, read
from .lock_order.classify import classify
from .lock_order.reads_from import ReadsFrom, Snapshot


@dataclass(slots=True)
class Section:
    """One outermost critical section: its events on variables, and the clocks and other locks at its ends."""

    thread: int
    lock: int
    acquire: Event
    around: frozenset[int]
    """The acquire events of the locks held around it."""
    entered: Snapshot
    position: int
    """How many events of its thread came before."""
    end: int = -1
    """How many had when it was over; -1 while it is open."""
    accesses: list[Event] = field(default_factory=list["Event"])


@dataclass(frozen=True, slots=True)
class Stale:
    """The value that ``read`` saw was out of date when ``write`` used it, by ``foreign``, if that came between."""

    first: Section
    second: Section
    read: Event
    write: Event
    foreign: Event
    happened: bool


def find(trace: Trace) -> list[Finding]:
    """One R003 finding for each function and variable: confirmed when the foreign write did come between in this
    trace, predicted when nothing but the locks kept it from coming there."""
    sections = _sections(trace)
    best: dict[tuple[str, int], Stale] = {}
    for stale in _stale(trace, sections):
        key = (_function(trace, stale.write), stale.write.object)
        if key not in best or (stale.happened and not best[key].happened):
            best[key] = stale
    return [_finding(trace, stale) for stale in best.values()]


def _sections(trace: Trace) -> list[Section]:
    """Every outermost section of a Lock or RLock in the order they were entered."""
    order = ReadsFrom(trace, classify(trace))
    objects = trace.tables.objects
    depth: dict[tuple[int, int], int] = {}
    opened: dict[int, list[Section]] = {}
    sections: list[Section] = []
    for event in trace:
        op, thread, target = event.operation, event.thread, event.object
        position = order.begin(thread)
        kind = "" if target == NOTHING else objects[target].kind
        mine = opened.setdefault(thread, [])
        if op is Op.ACQUIRE and kind in OWNED_KINDS:
            depth[thread, target] = depth.get((thread, target), 0) + 1
            if depth[thread, target] == 1:
                around = frozenset(section.acquire.index for section in mine)
                section = Section(thread, target, event, around, order.snapshot(thread), position)
                sections.append(section)
                mine.append(section)
        elif op is Op.RELEASE and kind in OWNED_KINDS:
            depth[thread, target] = depth.get((thread, target), 0) - 1
            if not depth[thread, target]:
                _close(mine, target, position)
        elif op is Op.WAIT and kind == "Condition":
            depth[thread, objects[target].part_of] = 0
            _close(mine, objects[target].part_of, position)
        elif op in (Op.READ, Op.WRITE):
            for section in mine:
                section.accesses.append(event)
        # What a read saw must not count as an order here: that it might see something else is the question.
        order.event(replace(event, object=NOTHING) if op in (Op.READ, Op.WRITE, Op.ATOMIC) else event)
    return sections


def _close(mine: list[Section], lock: int, position: int) -> None:
    for section in mine:
        if section.lock == lock:
            section.end = position
    mine[:] = [section for section in mine if section.lock != lock]


def _function(trace: Trace, event: Event) -> str:
    return "" if event.location == NOTHING else trace.tables.locations[event.location].function


def _stale(trace: Trace, sections: list[Section]) -> Iterator[Stale]:
    last: dict[tuple[int, int, str], list[Section]] = {}
    writers: dict[int, dict[tuple[int, int], tuple[Section, Event]]] = {}
    for section in sections:
        for event in section.accesses:
            if event.operation is Op.WRITE:
                # One section for each thread and place is tried: the last, which the fewest of the others follow.
                writers.setdefault(event.object, {})[event.thread, event.location] = (section, event)
    writes: dict[int, list[Event]] = {}
    for event in trace:
        if event.operation is Op.WRITE:
            writes.setdefault(event.object, []).append(event)
    flows: dict[tuple[int, int, int, int], bool] = {}
    for second in sections:
        earlier = last.setdefault((second.thread, second.lock, _function(trace, second.acquire)), [])
        for write in second.accesses:
            if write.operation is not Op.WRITE or _read_again(second, write):
                continue
            found = _source_of(trace, earlier, second, write, flows)
            if found is None:
                continue
            first, seen = found
            of_it = writes[write.object]
            foreign = next(
                (
                    event
                    for event in reversed(of_it[: bisect_left(of_it, write.index, key=lambda event: event.index)])
                    if event.thread != write.thread or event.index < seen.index
                ),
                None,
            )
            if foreign is not None and foreign.index > seen.index:
                yield Stale(first, second, seen, write, foreign, True)
                continue
            for section, foreign in writers[write.object].values():
                if section.thread != second.thread and _could_come_between(first, second, section):
                    yield Stale(first, second, seen, write, foreign, False)
                    break
        earlier.append(second)


def _read_again(section: Section, write: Event) -> bool:
    return any(
        event.operation is Op.READ and event.object == write.object and event.index < write.index
        for event in section.accesses
    )


def _source_of(
    trace: Trace,
    earlier: list[Section],
    second: Section,
    write: Event,
    flows: dict[tuple[int, int, int, int], bool],
) -> tuple[Section, Event] | None:
    """The last section of the same call in which the value was read that ``write`` writes back, and the read."""
    for first in reversed(earlier):
        if first.acquire.location == second.acquire.location or first.end < 0:
            return None  # the call before, or a loop's turn before
        seen = next(
            (
                event
                for event in reversed(first.accesses)
                if event.object == write.object and event.operation is Op.READ
            ),
            None,
        )
        if seen is not None:
            places = (first.acquire.location, seen.location, second.acquire.location, write.location)
            if places not in flows:
                flows[places] = _flows(trace, first, seen, second, write)
            return (first, seen) if flows[places] else None
    return None


def _could_come_between(first: Section, second: Section, foreign: Section) -> bool:
    """May the foreign section lie between the two: nothing but locks orders it, and no lock is held round both."""
    if first.around & second.around:
        return False
    before = _count(foreign.entered, second.thread)
    after = _count(second.entered, foreign.thread)
    return before <= first.end and after <= foreign.position


def _count(clock: Snapshot, thread: int) -> int:
    return clock.count if clock.thread == thread else clock.others[thread]


# What the text says.


def _flows(trace: Trace, first: Section, seen: Event, second: Section, write: Event) -> bool:
    """Does the value written depend on a local variable that the read filled? Without the source: taken to be so."""
    places = trace.tables.locations
    if NOTHING in (seen.location, write.location, first.acquire.location, second.acquire.location):
        return True
    file = places[seen.location].file
    if {places[event.location].file for event in (write, first.acquire, second.acquire)} != {file}:
        return True
    begin, end = places[first.acquire.location].line, places[second.acquire.location].line
    function = source.function_at(file, places[write.location].line)
    if function is None:
        return begin < end
    if not source.spans(function, places[seen.location].line) and not isinstance(function, ast.Module):
        return False
    if begin >= end or _in_other_branch(function, begin, end):
        return False
    return reaches(function, places[seen.location].line, places[write.location].line)


def _in_other_branch(function: ast.AST, first: int, second: int) -> bool:
    """Are the two lines in the two arms of one ``if``: then no call runs both?"""
    return any(
        isinstance(node, ast.If)
        and any(source.spans(child, first) for child in node.body)
        and any(source.spans(child, second) for child in node.orelse)
        for node in ast.walk(function)
    )


def reaches(function: ast.AST, read_line: int, write_line: int) -> bool:
    """Follow local names, statement by statement, from those filled on the read's line to those used on the write's."""
    filled: set[str] = set()
    statements = sorted(
        (
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.Expr | ast.For)
        ),
        key=lambda node: node.lineno,
    )
    for node in statements:
        if node.lineno > write_line:
            break
        value = node.iter if isinstance(node, ast.For) else node.value
        if value is None:
            continue
        last_line = (
            (value.end_lineno or value.lineno) if isinstance(node, ast.For) else (node.end_lineno or node.lineno)
        )
        used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
        if node.lineno <= write_line <= last_line and filled & used:
            return True
        if isinstance(node, ast.Expr):
            continue
        if filled & used or node.lineno <= read_line <= last_line:
            filled |= set(_stored(node))
    return False


def _stored(node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


# The report.


def _finding(trace: Trace, stale: Stale) -> Finding:
    situation = read(trace)
    name, lock = trace.object_name(stale.write.object), trace.object_name(stale.second.lock)
    thread, other = trace.thread_name(stale.write.thread), trace.thread_name(stale.foreign.thread)
    read_at, write_at = trace.at(stale.read.location), trace.at(stale.write.location)
    foreign_at = trace.at(stale.foreign.location)
    events = sorted(
        (stale.first.acquire, stale.read, stale.foreign, stale.second.acquire, stale.write), key=lambda e: e.index
    )
    steps = [step(trace, event) for event in events]
    if stale.happened:
        certainty: Certainty = "confirmed"
        message = (
            f"{thread} writes {name} at {write_at} from a value read at {read_at}, before {other} changed it at "
            f"{foreign_at}"
        )
        why = f"Both sections hold {lock}, but it was free between them, and {other} wrote {name} there."
    else:
        certainty = "predicted"
        message = (
            f"{thread} writes {name} at {write_at} from a value read at {read_at}; {other} may change it in between "
            f"(at {foreign_at})"
        )
        why = f"Both sections hold {lock}, but it is free between them, and nothing orders {other}'s section."
    return Finding(
        rule="R003",
        kind="atomicity",
        certainty=certainty,
        message=message,
        threads=thread_states(situation, [stale.write.thread, stale.foreign.thread]),
        steps=steps,
        switches=switches(steps),
        why=why,
        suggestion=f"Make it one section of {lock}, or read {name} again in the second one.",
        related=[Related("the read of the stale value", read_at), Related("the write in between", foreign_at)],
        fingerprint=fingerprint("R003", _function(trace, stale.write), trace.tables.objects[stale.write.object].name),
    )
