"""Small traces written as text, random ones for properties, and what is true of them found without any clock.

A line reads ``1 w x``: thread, operation, object. Operations are those of the STD format, and ``a`` for an atomic access.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

OPERATIONS = {
    "r": Op.READ,
    "w": Op.WRITE,
    "a": Op.ATOMIC,
    "acq": Op.ACQUIRE,
    "rel": Op.RELEASE,
    "fork": Op.START,
    "join": Op.JOIN,
}
MEMORY = frozenset({"r", "w", "a"})


@dataclass(frozen=True)
class Line:
    thread: str
    operation: str
    operand: str


def lines_of(text: str) -> list[Line]:
    return [Line(*part.split()) for part in text.replace(";", "\n").splitlines() if part.strip()]


def trace_of(lines: list[Line] | str, world: str = "explored") -> Trace:
    if isinstance(lines, str):
        lines = lines_of(lines)
    builder = TraceBuilder(Header("test", world))
    tables = builder.tables
    threads: dict[str, int] = {}
    objects: dict[tuple[str, str], int] = {}

    def thread(name: str) -> int:
        if name not in threads:
            threads[name] = len(tables.threads)
            tables.threads.append(ThreadInfo(f"T{name}"))
        return threads[name]

    for number, line in enumerate(lines):
        kind = {"fork": "Thread", "join": "Thread", "acq": "Lock", "rel": "Lock"}.get(line.operation, "Variable")
        target = objects.get((kind, line.operand))
        if target is None:
            target = objects[kind, line.operand] = len(tables.objects)
            other = thread(line.operand) if kind == "Thread" else -1
            tables.objects.append(ObjectInfo(kind, line.operand, thread=other))
        builder.add(thread(line.thread), OPERATIONS[line.operation], target, tables.location("prog.py", number + 1))
    return builder.build()


def random_lines(*, threads: int = 3, length: int = 14) -> st.SearchStrategy[list[Line]]:
    """Traces of the real sort: locks are held by one thread, threads begin when forked and end before they are joined.

    Drawn from a seed, which is fast; a failure does not shrink, but is small.
    """
    return st.integers(0, 2**40).map(lambda seed: _lines_from(random.Random(seed), threads, length))


def _lines_from(generator: random.Random, threads: int, length: int) -> list[Line]:
    names = [str(number) for number in range(1, threads + 1)]
    waiting = {name for name in names[1:] if generator.random() < 0.4}
    alive = [name for name in names if name not in waiting]
    holders: dict[str, str] = {}
    lines: list[Line] = []
    for _ in range(generator.randint(2, length)):
        thread = generator.choice(alive)
        mine = [lock for lock, holder in holders.items() if holder == thread]
        others = [name for name in alive if name != thread and name not in holders.values()]
        choices = ["r", "w", "r", "w", "a"]
        choices += ["acq"] * (len(holders) < 2) * 2 + ["rel"] * bool(mine) * 2
        choices += ["fork"] * bool(waiting) + ["join"] * bool(others)
        operation = generator.choice(choices)
        if operation == "acq":
            operand = generator.choice([lock for lock in ("l", "m") if lock not in holders])
            holders[operand] = thread
        elif operation == "rel":
            operand = generator.choice(mine)
            del holders[operand]
        elif operation == "fork":
            operand = generator.choice(sorted(waiting))
            waiting.discard(operand)
            alive.append(operand)
        elif operation == "join":
            operand = generator.choice(others)
            alive.remove(operand)
        else:
            operand = generator.choice(["x", "y"])
        lines.append(Line(thread, operation, operand))
    return lines


def conflict(one: Line, other: Line) -> bool:
    """Two accesses of which one changes the variable; two atomic ones get along."""
    both = {one.operation, other.operation}
    return (
        one.thread != other.thread
        and one.operand == other.operand
        and both <= MEMORY
        and bool(both - {"r"})
        and both != {"a"}
    )


def reachable(lines: list[Line]) -> list[set[int]]:
    """For every event those before it by happens-before: direct edges, closed transitively. No clocks."""
    before: list[set[int]] = []
    for later, line in enumerate(lines):
        known: set[int] = set()
        for earlier in range(later):
            other = lines[earlier]
            direct = (
                other.thread == line.thread
                or (other.operation == "rel" and line.operation == "acq" and other.operand == line.operand)
                or (other.operation == "fork" and other.operand == line.thread)
                or (line.operation == "join" and line.operand in (other.thread, other.operand))
            )
            if direct:
                known |= {earlier} | before[earlier]
        before.append(known)
    return before


def unordered_pairs(lines: list[Line]) -> list[tuple[int, int]]:
    before = reachable(lines)
    return [
        (earlier, later)
        for later in range(len(lines))
        for earlier in range(later)
        if conflict(lines[earlier], lines[later]) and earlier not in before[later]
    ]


def schedulable_pairs(lines: list[Line]) -> set[tuple[int, int]]:
    """The pairs of accesses that can come to be next to each other, by trying every correct reordering.

    Correct: threads do the same in the same order, locks exclude, a thread runs between its fork and its join, and
    every read or atomic access sees the same change as in the trace.
    """
    threads = sorted({line.thread for line in lines})
    own = {thread: [number for number, line in enumerate(lines) if line.thread == thread] for thread in threads}
    forks = {line.operand for line in lines if line.operation == "fork"}
    saw = _observed(lines)
    start = tuple(0 for _ in threads)
    seen = {(start, (), ())}
    work = [(start, (), ())]
    found: set[tuple[int, int]] = set()
    while work:
        places, changes, held = work.pop()
        done = {number for thread, place in zip(threads, places, strict=True) for number in own[thread][:place]}
        started = {lines[number].operand for number in done if lines[number].operation == "fork"}
        last = dict(changes)
        holders = dict(held)
        enabled: list[int] = []
        for thread, place in zip(threads, places, strict=True):
            if place == len(own[thread]) or (thread in forks and thread not in started):
                continue
            number = own[thread][place]
            line = lines[number]
            if line.operation == "acq" and line.operand in holders:
                continue
            if line.operation == "join":
                begun = line.operand in started or line.operand not in forks
                if not begun or not set(own.get(line.operand, [])) <= done:
                    continue
            enabled.append(number)
        found |= {(min(pair), max(pair)) for pair in _pairs(enabled) if conflict(lines[pair[0]], lines[pair[1]])}
        for number in enabled:
            line = lines[number]
            if line.operation in ("r", "a") and last.get(line.operand, -1) != saw[number]:
                continue
            position = threads.index(line.thread)
            moved = (*places[:position], places[position] + 1, *places[position + 1 :])
            new_last, new_holders = dict(last), dict(holders)
            if line.operation in ("w", "a"):
                new_last[line.operand] = number
            elif line.operation == "acq":
                new_holders[line.operand] = line.thread
            elif line.operation == "rel":
                new_holders.pop(line.operand, None)
            state = (moved, tuple(sorted(new_last.items())), tuple(sorted(new_holders.items())))
            if state not in seen:
                seen.add(state)
                work.append(state)
    return found


def _observed(lines: list[Line]) -> dict[int, int]:
    last: dict[str, int] = {}
    saw: dict[int, int] = {}
    for number, line in enumerate(lines):
        if line.operation in ("r", "a"):
            saw[number] = last.get(line.operand, -1)
        if line.operation in ("w", "a"):
            last[line.operand] = number
    return saw


def _pairs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    for position, one in enumerate(numbers):
        for other in numbers[position + 1 :]:
            yield one, other
