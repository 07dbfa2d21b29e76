"""The whole way from a trace to predicted deadlocks: roles, dependencies, patterns, closure, findings.

Rule D002. What it finds is possible in some reordering of what the trace holds; only a replay makes it certain.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from ...simcore.trace import Trace
from ..finding import Finding
from .classify import Role, classify
from .closure import Closure, Witness
from .dependencies import Dependency, dependencies
from .patterns import CHOICES_MAX, CYCLES_MAX, LENGTH_SURE, PATTERNS_MAX, Cycle, search
from .report import finding_for, lock_name, same_waits

REASONS = {
    "gate": "gate lock",
    "same thread": "one thread only",
    "readers": "readers only",
    "timed": "a time-out ends the wait",
    "order": "start, join, value or wake-up order",
    "unreachable": "no schedule found",
}
"""Why a cycle is no deadlock: the reason as it is counted, and as it is said."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """A cycle with the witness that a directed replay follows."""

    finding: Finding
    witness: Witness
    pattern: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A cycle of locks that is no deadlock, and why (a key of REASONS)."""

    locks: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Use:
    """One thread taking the second lock of an edge while it holds the first; ``at`` is the place of the second."""

    thread: str
    held_at: str
    at: str
    times: int


@dataclass(slots=True)
class LockEdge:
    """``wanted`` was taken, or asked for, while ``held`` was held. ``verdict`` is ``predicted`` when the edge is part of
    a predicted deadlock, ``rejected`` when only of rejected cycles, else empty."""

    held: str
    wanted: str
    uses: list[Use]
    verdict: str = ""


@dataclass(slots=True)
class LockOrder:
    """What the lock order of a trace came to."""

    trace: Trace
    predicted: list[Predicted] = field(default_factory=list[Predicted])
    rejected_cycles: list[Rejected] = field(default_factory=list[Rejected])
    edges: list[LockEdge] = field(default_factory=list[LockEdge])
    locks: list[str] = field(default_factory=list[str])
    """The names of all mutexes, in the order of the object table."""
    limits: list[str] = field(default_factory=list[str])

    @property
    def findings(self) -> list[Finding]:
        return [predicted.finding for predicted in self.predicted]

    def without(self, reached: list[Finding]) -> LockOrder:
        """The same without predictions of deadlocks that the run itself came to."""
        new = [each for each in self.predicted if not any(same_waits(found, each.finding) for found in reached)]
        return replace(self, predicted=new)

    @property
    def rejected(self) -> dict[str, int]:
        """How many cycles were rejected, by reason."""
        return dict(Counter(cycle.reason for cycle in self.rejected_cycles))


def find(trace: Trace, *, length_max: int | None = None) -> LockOrder:
    """Predict deadlocks from one run, which may have ended well; ``length_max`` is explained at :func:`search`.

    A finding has a witness: a reordering of part of the trace that is possible by everything the trace holds (lock
    order apart: thread order, start and join, values read, wake-ups) and ends with every thread of the cycle blocked.
    Not found are deadlocks that need a branch not taken in the trace, or two sections of one lock swapped before it.
    """
    roles = classify(trace)
    found = dependencies(trace, roles)
    result = LockOrder(trace, locks=[trace.object_name(lock) for lock, role in roles.items() if role is Role.MUTEX])
    searched = search(found, length_max)
    patterns = [pattern for cycle in searched.cycles for pattern in cycle.patterns]
    wanted = {instance.event for pattern in patterns for part in pattern for instance in part.instances}
    closure = Closure(trace, roles, wanted) if patterns else None
    by_fingerprint: dict[str, Predicted] = {}
    verdicts: dict[tuple[int, int], str] = {}
    knots: list[frozenset[int]] = []
    for cycle in searched.cycles:
        if _says_nothing_new(cycle, knots):
            continue
        witness, pattern, ordered = None, None, True
        for pattern in cycle.patterns:
            assert closure is not None
            if closure.ordered(pattern):
                continue
            ordered = False
            witness = closure.check(pattern)
            if witness is not None:
                break
        names = tuple(lock_name(trace, lock) for lock in cycle.locks)
        steps = list(zip(cycle.locks, (*cycle.locks[1:], cycle.locks[0]), strict=True))
        if witness is None or pattern is None:
            reason = cycle.rejected or ("order" if ordered else "unreachable")
            result.rejected_cycles.append(Rejected(names, reason))
            for step in steps:
                verdicts.setdefault(step, "rejected")
            continue
        knots.append(frozenset(cycle.locks))
        for step in steps:
            verdicts[step] = "predicted"
        finding = finding_for(trace, pattern, witness)
        if finding.fingerprint not in by_fingerprint:
            by_fingerprint[finding.fingerprint] = Predicted(finding, witness, pattern)
    result.predicted = list(by_fingerprint.values())
    result.edges = _edges(trace, found, verdicts)
    result.limits = _limits(trace, roles, searched.longest, searched.cut_short)
    return result


def _says_nothing_new(cycle: Cycle, knots: list[frozenset[int]]) -> bool:
    """A long cycle among whose locks a shorter deadlock was predicted: that one has to go first, and there may be
    thousands of such cycles."""
    return len(cycle.locks) > LENGTH_SURE and any(knot <= set(cycle.locks) for knot in knots)


def _edges(trace: Trace, found: list[Dependency], verdicts: dict[tuple[int, int], str]) -> list[LockEdge]:
    """The lock-order graph between real locks and, where they close a cycle, lives and tasks."""
    edges: dict[tuple[int, int], LockEdge] = {}
    uses: dict[tuple[int, int], Counter[tuple[str, str, str]]] = {}
    for dependency in found:
        for instance in dependency.instances:
            for item in instance.holding:
                key = (item.lock, dependency.lock)
                if min(key) < 0 and key not in verdicts:
                    continue
                if key not in edges:
                    names = lock_name(trace, item.lock), lock_name(trace, dependency.lock)
                    edges[key] = LockEdge(*names, [], verdicts.get(key, ""))
                use = (trace.thread_name(dependency.thread), trace.at(item.location), trace.at(instance.location))
                uses.setdefault(key, Counter())[use] += 1
    for key, edge in edges.items():
        edge.uses = [Use(*use, times) for use, times in uses[key].items()]
    return list(edges.values())


def _limits(trace: Trace, roles: dict[int, Role], longest: int | None, cut_short: bool) -> list[str]:
    limits = [f"cycles of more than {longest} locks were not all searched"] if longest is not None else []
    signals = [trace.object_name(lock) for lock, role in roles.items() if role is Role.SIGNAL]
    pools = [trace.object_name(lock) for lock, role in roles.items() if role is Role.POOL]
    if signals:
        limits.append(f"used as signals, so in no lock order: {_some(signals)}")
    if pools:
        limits.append(f"pools of permits, so in no lock order: {_some(pools)}")
    if cut_short:
        limits.append(
            f"there are too many cycles: the shortest ones were looked at, {CYCLES_MAX:,} at most, with "
            f"{CHOICES_MAX:,} assignments of threads each and {PATTERNS_MAX:,} in all"
        )
    return limits


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
