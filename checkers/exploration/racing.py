"""What unordered accesses lead to: which variables have to be steps, and whether the order of their accesses matters.

Collects over the executions of one exploration. Two executions in which every lock, queue and other synchronisation
object saw the same operations in the same order can differ only by the order of unordered accesses; when they end
differently, that order has a consequence. It knows executions by what the monitor noted, and no strategy.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TextIO

from ...simcore.access import AccessMonitor, Race, Stale
from ...simcore.dependency import DEPENDENT
from ...simcore.explored import Execution, Outcome
from ...simcore.hooks import SITES
from ...simcore.trace import Location
from ...simcore.variables import WRITES, describe

_ENDS_MAX = 64
"""Different ends kept for one order of synchronisation."""
_WORDS_MAX = 3
"""Differences named in a message."""
_HEARD_MAX = 20_000
"""Characters of output that are compared."""
_ACROSS_ENDS_MAX, _ACROSS_SAMPLES = 24, 3
"""How many executions are compared with those of other synchronisation: pairs of at most 72."""
_SAMPLES = 3
"""Orders of accesses kept for each of them."""

_CANONICAL_MAX = 300
"""Operations on one object; with more, orders that differ by commuting neighbours count as different, and fewer
consequences are seen."""

Orders = dict[int, tuple[str, tuple[Any, ...]]]
"""Per variable, its group and the order in which threads accessed it, as far as it matters (:func:`canonical`)."""


@dataclass(slots=True)
class Difference:
    """Two ends of the program that only the order of accesses to these variables tells apart."""

    groups: frozenset[str]
    ends: tuple[str, str]
    schedule: tuple[int, ...]
    """Of the execution with the second end."""
    outcome: Outcome
    visible: frozenset[str]


@dataclass(slots=True)
class _Class:
    """The executions with one order of synchronisation: by end, some orders of accesses that led there."""

    ends: dict[tuple[Any, ...], list[Orders]] = field(default_factory=dict["tuple[Any, ...]", "list[Orders]"])


@dataclass(slots=True)
class _Sample:
    """An execution kept for comparison with those in which other synchronisation took place."""

    end: tuple[Any, ...]
    orders: Orders
    synchronisation: dict[int, list[tuple[int, int]]]
    schedule: tuple[int, ...]
    outcome: Outcome


def place(site: int) -> Location:
    where = SITES[site]
    return Location(where.file, where.line, where.function)


class Consequences:
    """What is known of unordered accesses so far. ``visible`` are the groups whose accesses are steps now."""

    def __init__(self) -> None:
        self.visible: set[str] = set()
        self.numbers: dict[Any, int] = {}
        self.races: dict[tuple[str, int, int], Race] = {}
        self.stale: dict[tuple[str, int, int, int], Stale] = {}
        self.differences: dict[str, Difference] = {}
        """Per group, the difference that blames the fewest."""
        self.shown: dict[str, tuple[tuple[int, ...], frozenset[str]]] = {}
        """Per group, the schedule of an execution that ended well and has a race for it, and what was visible in it."""
        self._classes: dict[int, _Class] = {}
        self._samples: dict[tuple[Any, ...], list[_Sample]] = {}
        """By end, some executions."""

    def monitor(self) -> AccessMonitor:
        """A monitor for the next execution."""
        return AccessMonitor(frozenset(self.visible), self.numbers)

    def ended(
        self,
        monitor: AccessMonitor,
        execution: Execution,
        schedule: tuple[int, ...],
        left: Callable[[], tuple[Any, ...]] = tuple,
    ) -> list[Stale]:
        """Take in what an execution showed; returns the stale writes not seen before. ``left`` gives what else can be
        compared of its end: what the program's modules hold and what it printed."""
        for key, race in monitor.races.items():
            self.races.setdefault(key, race)
            if execution.outcome is Outcome.COMPLETED and schedule:
                self.shown.setdefault(race.group, (schedule, monitor.visible))
        new = [stale for key, stale in monitor.stale.items() if key not in self.stale]
        self.stale |= monitor.stale
        if self.visible and execution.outcome not in (Outcome.REDUNDANT, Outcome.STEP_LIMIT):
            self._compare(monitor, execution, schedule, left())
        return new

    def restart(self, fresh: set[str]) -> None:
        """Make more variables visible; executions from before cannot be compared with later ones."""
        self.visible |= fresh
        self._classes.clear()
        self._samples.clear()

    def _compare(
        self, monitor: AccessMonitor, execution: Execution, schedule: tuple[int, ...], left: tuple[Any, ...]
    ) -> None:
        orders: Orders = {uid: (group, canonical(order)) for uid, (group, order) in monitor.memory_orders.items()}
        end = (*_end(monitor, execution), *left)
        key = hash(tuple(sorted((uid, canonical(order)) for uid, order in monitor.orders.items())))
        same = self._classes.setdefault(key, _Class())
        for other_end, samples in same.ends.items():
            if other_end == end:
                continue
            for sample in samples:
                self._blame(orders, sample, (other_end, end), schedule, execution.outcome)
        self._keep(end, orders, monitor, execution, schedule)
        known = same.ends.get(end)
        if known is None:
            if len(same.ends) < _ENDS_MAX:
                same.ends[end] = [orders]
        elif len(known) < _SAMPLES:
            known.append(orders)

    def _keep(
        self,
        end: tuple[Any, ...],
        orders: Orders,
        monitor: AccessMonitor,
        execution: Execution,
        schedule: tuple[int, ...],
    ) -> None:
        kept = self._samples.get(end)
        if kept is None and len(self._samples) < _ACROSS_ENDS_MAX:
            kept = self._samples[end] = []
        if kept is not None and len(kept) < _ACROSS_SAMPLES:
            kept.append(_Sample(end, orders, with_pending(monitor.orders, execution), schedule, execution.outcome))

    def compare_across(self) -> None:
        """Also compare executions in which other synchronisation took place: a race may decide whether a lock is taken
        at all. What both have of each object must be in one order; then accesses alone led them apart."""
        for first, second in combinations([sample for kept in self._samples.values() for sample in kept], 2):
            if first.end != second.end and compatible(first.synchronisation, second.synchronisation):
                self._blame(first.orders, second.orders, (second.end, first.end), first.schedule, first.outcome)

    def _blame(
        self,
        orders: Orders,
        others: Orders,
        ends: tuple[tuple[Any, ...], tuple[Any, ...]],
        schedule: tuple[int, ...],
        outcome: Outcome,
    ) -> None:
        groups = frozenset(
            (orders.get(uid) or others[uid])[0]
            for uid in orders.keys() | others.keys()
            if orders.get(uid) != others.get(uid)
        )
        for group in groups:
            known = self.differences.get(group)
            if known is None or len(groups) < len(known.groups):
                first, second = _told_apart(*ends)
                visible = frozenset(self.visible)
                self.differences[group] = Difference(groups, (first, second), schedule, outcome, visible)

    def consequential(self) -> set[str]:
        """The groups whose order of accesses decides how the program ends. A group blamed only together with others
        is not, when those are blamed alone or have a stale write."""
        causes = {group for group, difference in self.differences.items() if len(difference.groups) == 1}
        causes |= {stale.group for stale in self.stale.values() if stale.racy and stale.group in self.differences}
        return causes | {group for group, difference in self.differences.items() if not difference.groups & causes}

    def race_of(self, group: str) -> Race | None:
        """The pair of accesses to show for a group: one with two writes last, reads against writes read better."""
        pairs = [race for race in self.races.values() if race.group == group]
        return min(pairs, key=lambda race: (set(race.kinds) <= WRITES, race.sites), default=None)

    def notes(self, reported: set[str], exhaustive: bool) -> list[str]:
        """A line for each group of variables that is raced for without a consequence."""
        lines: list[str] = []
        for group in sorted({race.group for race in self.races.values()} - reported):
            race = self.race_of(group)
            assert race is not None
            one, other = (
                f"{name} {'writes' if kind in WRITES else 'reads'} at {place(site)}"
                for name, kind, site in zip(race.threads, race.kinds, race.sites, strict=True)
            )
            end = "every explored order ends the same" if exhaustive else "no order explored so far ends differently"
            lines.append(f"{race.label}: {one} and {other}, unordered; {end}")
        return lines


class Heard(io.TextIOBase):
    """Standard output that is listened to: what the program prints is part of how it ends."""

    def __init__(self, passed_on: TextIO) -> None:
        self.passed_on = passed_on
        self.parts: list[str] = []
        self.size = 0

    def write(self, text: str, /) -> int:
        if self.size < _HEARD_MAX:
            self.parts.append(text)
            self.size += len(text)
        return self.passed_on.write(text)

    def flush(self) -> None:
        self.passed_on.flush()

    def fileno(self) -> int:
        return self.passed_on.fileno()

    def lines(self) -> list[str]:
        """What was printed, in an order that does not depend on which thread printed first."""
        return sorted("".join(self.parts).splitlines())


def left_behind(modules: Iterable[tuple[str, dict[str, Any]]], heard: Heard) -> tuple[Any, ...]:
    """What the program's modules hold and what it printed, as parts of an end."""
    parts: list[Any] = []
    for module, variables in modules:
        for name, value in variables.items():
            if not name.startswith("__"):
                text = describe(value)
                if not text.startswith("<"):
                    parts.append(("holds", f"{module}.{name}" if module != "__main__" else name, text))
    parts += (("said", number, line) for number, line in enumerate(heard.lines()))
    return tuple(parts)


def canonical(order: list[tuple[int, int]]) -> tuple[Any, ...]:
    """The operations on one object, as (thread, access code), in a form that is equal for two orders exactly when they
    differ by swaps of neighbours that commute: for each operation of each thread, how many dependent ones of each other
    thread came before it."""
    if len({thread for thread, _ in order}) < 2 or len(order) > _CANONICAL_MAX:
        return tuple(order)
    rows: list[tuple[int, int, int, tuple[tuple[int, int], ...]]] = []
    counts: dict[int, int] = {}
    for index, (thread, code) in enumerate(order):
        number = counts[thread] = counts.get(thread, 0) + 1
        row = DEPENDENT[code]
        before = Counter(other for other, its in order[:index] if other != thread and row[its])
        rows.append((thread, number, code, tuple(sorted(before.items()))))
    return tuple(sorted(rows))


def with_pending(orders: dict[int, list[tuple[int, int]]], execution: Execution) -> dict[int, list[tuple[int, int]]]:
    """The operations on each object, and after them those that were still waiting when the execution ended."""
    whole = {uid: list(order) for uid, order in orders.items()}
    for thread in execution.stuck:
        operation = thread.pending
        if operation is not None and operation.pending:
            whole.setdefault(operation.target.uid, []).append((thread.uid, operation.pending))
    return whole


def compatible(one: dict[int, list[tuple[int, int]]], other: dict[int, list[tuple[int, int]]]) -> bool:
    """Do two executions agree on the order of the synchronisation that both of them have?

    Operations are matched by object, thread and number; matched ones must have done the same, and dependent ones of
    two threads must be in the same order.
    """
    return all(_agree(order, other[uid]) for uid, order in one.items() if uid in other)


def _agree(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> bool:
    if len(one) > _CANONICAL_MAX or len(other) > _CANONICAL_MAX:
        return one == other
    place = {step: position for position, step in enumerate(_numbered(other))}
    codes = dict(zip(_numbered(other), (code for _, code in other), strict=True))
    common = [(step, code) for step, (_, code) in zip(_numbered(one), one, strict=True) if step in place]
    if any(codes[step] != code for step, code in common):
        return False
    return all(
        place[early] < place[late] or early[0] == late[0] or not DEPENDENT[code][its]
        for position, (late, its) in enumerate(common)
        for early, code in common[:position]
    )


def _numbered(order: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each operation by its thread and how many that thread did before."""
    counts: Counter[int] = Counter()
    numbered: list[tuple[int, int]] = []
    for thread, _ in order:
        counts[thread] += 1
        numbered.append((thread, counts[thread]))
    return numbered


def _end(monitor: AccessMonitor, execution: Execution) -> tuple[Any, ...]:
    """How an execution ended, as far as it can be compared: what failed, who is stuck, what raced variables hold."""
    parts: list[Any] = []
    if execution.outcome is not Outcome.COMPLETED:
        parts.append(("end", execution.outcome.value, ""))
        for thread in execution.stuck:
            operation = thread.pending
            parts.append(("stuck", thread.name, "" if operation is None else operation.label))
    for thread in execution.failures:
        assert thread.failure is not None
        parts.append(("failed", thread.name, type(thread.failure[0]).__name__))
    values = sorted((variable.uid, variable.value) for variable in monitor.values.values())
    return (*parts, *(("value", uid, value) for uid, value in values))


def _told_apart(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[str, str]:
    """The parts in which two ends differ, in words."""
    return tuple(
        _in_words([part for part in mine if part not in theirs]) for mine, theirs in ((one, other), (other, one))
    )  # type: ignore[return-value]


def _in_words(parts: list[Any]) -> str:
    words: list[str] = []
    for sort, who, what in parts:
        if sort == "value":
            words.append(f"it ends as {what}")
        elif sort == "failed":
            words.append(f"{who} fails with {what}")
        elif sort == "said":
            words.append(f"it prints {what}")
        elif sort == "holds":
            words.append(f"{who} is {what}")
        elif sort == "stuck":
            words.append(f"{who} is stuck in {what}")
    return ", ".join(words[:_WORDS_MAX])
