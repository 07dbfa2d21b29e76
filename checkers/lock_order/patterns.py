"""Abstract deadlock patterns: cycles of dependencies whose threads could hold their locks all at once.

Knows lock sets only; whether the threads can get there together is for the closure to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from .dependencies import Dependency, surviving

LENGTH_SURE = 4
"""Cycles of up to so many locks are searched whatever it takes. The search is exponential in the length, and real
cycles are short (iGoodlock and its successors report none of more than 4)."""
WORK_MAX = 50_000
"""What the search for longer cycles may cost, in steps of about a microsecond. A ring of 40 locks takes some 3,000."""
_PATTERN_WORK = 20
"""A pattern costs about so many of these steps later, when the closure is asked."""
CYCLES_MAX = 10_000
"""How many cycles of locks are looked at; the number of cycles in a graph can be exponential."""
PATTERNS_MAX = 20_000
"""How many patterns are kept: asking about one takes up to a millisecond. Real programs have a few hundred."""
CHOICES_MAX = 2_000
"""How many assignments of threads are tried for one cycle of locks."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of locks, smallest first, and the patterns found for it: one dependency a lock, each wanting the next.

    ``rejected`` says why there is no pattern; empty when there is one.
    """

    locks: tuple[int, ...]
    patterns: tuple[tuple[Dependency, ...], ...]
    rejected: str = ""


@dataclass(slots=True)
class Search:
    """What was looked at, and whether a limit cut it short."""

    cycles: list[Cycle]
    cut_short: bool = False
    longest: int | None = 1
    """All cycles of up to so many locks were searched; None when no longer one can be a deadlock."""


@dataclass(slots=True)
class _Work:
    """What was spent, in steps, and what may be."""

    limit: float
    spent: int = 0

    @property
    def over(self) -> bool:
        return self.spent > self.limit


def search(found: list[Dependency], length_max: int | None = None) -> Search:
    """All cycles of at most ``length_max`` locks, shortest first (iGoodlock's patterns: Joshi, Park, Sen, Naik,
    PLDI 2009: distinct threads, distinct locks, no lock held by two of the threads).

    None means LENGTH_SURE, and longer ones as far as WORK_MAX takes us.
    """
    dependencies = surviving(found)
    edges: dict[int, dict[int, list[Dependency]]] = {}
    for dependency in dependencies:
        for lock in dependency.locks:
            edges.setdefault(lock, {}).setdefault(dependency.lock, []).append(dependency)
    component = _components(edges)
    sizes = Counter(component.values())
    members = sorted(lock for lock, number in component.items() if sizes[number] > 1)
    backwards: dict[int, list[int]] = {}
    for lock in members:
        for following in edges[lock]:
            if component[following] == component[lock]:
                backwards.setdefault(following, []).append(lock)
    # A thread waits for one lock at a time, so a deadlock has no more locks than there are threads.
    possible = min(max(sizes.values(), default=0), len({dependency.thread for dependency in dependencies}))
    result = Search([])
    work = _Work(float("inf"))
    patterns = 0
    stopped, reached = False, 1
    for length in range(2, (max(LENGTH_SURE, possible) if length_max is None else length_max) + 1):
        if length_max is None and length == LENGTH_SURE + 1:
            work = _Work(WORK_MAX)
        for locks in _simple_cycles(edges, members, backwards, length, work):
            if len(result.cycles) == CYCLES_MAX or patterns >= PATTERNS_MAX:
                result.cut_short = stopped = True
                break
            steps = [edges[lock][following] for lock, following in zip(locks, (*locks[1:], locks[0]), strict=True)]
            cycle, whole, tried = _judge(locks, steps)
            result.cut_short |= not whole
            patterns += len(cycle.patterns)
            work.spent += tried + _PATTERN_WORK * len(cycle.patterns)
            result.cycles.append(cycle)
        if work.over or stopped:
            break
        reached = result.longest = length
    if not stopped and reached >= possible:
        result.longest = None
    result.cycles.sort(key=lambda cycle: (len(cycle.locks), cycle.locks))
    return result


def _simple_cycles(
    edges: dict[int, dict[int, list[Dependency]]],
    members: list[int],
    backwards: dict[int, list[int]],
    length: int,
    work: _Work,
) -> Iterator[tuple[int, ...]]:
    """Simple cycles of ``length`` locks, each once, from its smallest lock; ends early when the work is over.

    ``members`` are the locks on cycles, ``backwards`` the edges between them the other way round.
    """
    for start in members:
        home = _distances(backwards, start, length - 1)
        work.spent += len(home)
        stack: list[tuple[int, ...]] = [(start,)] if home else []
        while stack:
            if work.over:
                return
            work.spent += 1
            path = stack.pop()
            room = length - len(path)
            for following in sorted(edges[path[-1]], reverse=True):
                if following == start and not room:
                    yield path
                elif home.get(following, length) <= room and following not in path:
                    stack.append((*path, following))


def _distances(backwards: dict[int, list[int]], start: int, longest: int) -> dict[int, int]:
    """How many edges lead from a lock back to ``start`` through greater locks only; without those of more than
    ``longest``."""
    found: dict[int, int] = {}
    reached = [start]
    for distance in range(1, longest + 1):
        reached = [
            before
            for lock in reached
            for before in backwards[lock]
            if before > start and found.setdefault(before, distance) == distance
        ]
        reached = list(dict.fromkeys(reached))
        if not reached:
            break
    return found


def _components(edges: dict[int, dict[int, list[Dependency]]]) -> dict[int, int]:
    """Strongly connected components (Tarjan 1972, without recursion): lock → the number of its component."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    component: dict[int, int] = {}
    open_locks: list[int] = []
    for root in edges:
        if root in order:
            continue
        work = [(root, iter(edges[root]))]
        order[root] = low[root] = len(order)
        open_locks.append(root)
        while work:
            lock, following = work[-1]
            for other in following:
                if other not in order:
                    order[other] = low[other] = len(order)
                    open_locks.append(other)
                    work.append((other, iter(edges.get(other, {}))))
                    break
                if other not in component:
                    low[lock] = min(low[lock], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[lock])
                if low[lock] == order[lock]:
                    while True:
                        member = open_locks.pop()
                        component[member] = lock
                        if member == lock:
                            break
    return component


def _judge(locks: tuple[int, ...], steps: list[list[Dependency]]) -> tuple[Cycle, bool, int]:
    """The patterns of one cycle of locks, or why there is none; whether all assignments of threads were tried; how many.

    Dependencies that differ only in what else is held are one part of a pattern, provided that some of them could be
    held together: which of their instances can, the closure finds out anyhow.
    """
    by_thread = [_by_thread(step) for step in steps]
    patterns: list[tuple[Dependency, ...]] = []
    reasons: set[str] = set()
    for tried, threads in enumerate(product(*by_thread)):
        if tried == CHOICES_MAX:
            return Cycle(locks, tuple(patterns), "" if patterns else _foremost(reasons)), False, tried
        if len(set(threads)) < len(threads):
            reasons.add("same thread")
            continue
        choices = [rows[thread] for rows, thread in zip(by_thread, threads, strict=True)]
        reason = _impossible(choices, locks)
        if reason:
            reasons.add(reason)
        else:
            patterns.append(tuple(_merged(rows) for rows in choices))
    whole = prod(len(rows) for rows in by_thread)
    return Cycle(locks, tuple(patterns), "" if patterns else _foremost(reasons)), True, whole


def _by_thread(step: list[Dependency]) -> dict[int, list[Dependency]]:
    found: dict[int, list[Dependency]] = {}
    for dependency in step:
        found.setdefault(dependency.thread, []).append(dependency)
    return found


def _merged(rows: list[Dependency]) -> Dependency:
    """All untimed instances in the order of the trace."""
    rows = [row for row in rows if not row.timed]
    if len(rows) == 1:
        return rows[0]
    held = frozenset[tuple[int, bool]].intersection(*(row.held for row in rows))
    shared = all(row.shared for row in rows)
    instances = sorted((each for row in rows for each in row.instances), key=lambda each: each.event)
    return Dependency(rows[0].thread, rows[0].lock, shared, False, held, instances)


_REASONS = ("timed", "readers", "gate", "same thread")
"""Later ones are the plainer reasons; the first that some combination came to is what really stands in the way."""


def _foremost(reasons: set[str]) -> str:
    return next(reason for reason in _REASONS if reason in reasons)


def _impossible(choices: list[list[Dependency]], locks: tuple[int, ...]) -> str:
    """Why no choice of one dependency each can wait in a ring; empty when one can."""
    reason = _stuck(choices, [], locks, timed=False)
    if not reason or not any(row.timed for rows in choices for row in rows):
        return reason
    return reason if _stuck(choices, [], locks, timed=True) else "timed"


def _stuck(choices: list[list[Dependency]], chosen: list[Dependency], locks: tuple[int, ...], *, timed: bool) -> str:
    """Choose the rest, one after the other: empty when that is possible, else the best reason met."""
    if len(chosen) == len(choices):
        for position, dependency in enumerate(chosen):
            holder = chosen[(position + 1) % len(chosen)]
            if dependency.shared and (dependency.lock, False) not in holder.held:
                return "readers"
        return ""
    reasons: set[str] = set()
    for dependency in choices[len(chosen)]:
        if dependency.timed and not timed:
            continue
        if any(_guarded(dependency, other) for other in chosen):
            reasons.add("gate")
            continue
        reason = _stuck(choices, [*chosen, dependency], locks, timed=timed)
        if not reason:
            return ""
        reasons.add(reason)
    return _foremost(reasons) if reasons else "timed"


def _guarded(one: Dependency, other: Dependency) -> bool:
    """Does a lock that both hold, not both shared, keep them apart?"""
    return any((lock, False) in other.held or (not shared and (lock, True) in other.held) for lock, shared in one.held)
