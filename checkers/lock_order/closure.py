"""Can these threads all arrive before their blocking acquires at once? The sync-preserving closure answers it soundly:
what it lets pass has a witness, a reordering of part of the trace in which every thread does what it did.

Knows events, clocks and critical sections; which dependencies to ask about is decided elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from ...simcore.trace import NOTHING, Op, Trace
from .classify import Role
from .dependencies import Dependency, Instance, extra_of
from .reads_from import ReadsFrom, Snapshot


@dataclass(slots=True)
class Sections:
    """The critical sections of one lock in one thread and one mode, in the order they were entered."""

    thread: int
    shared: bool
    entered: list[int] = field(default_factory=list[int])
    """How many events the thread had done before each acquire."""
    acquires: list[int] = field(default_factory=list[int])
    """The trace index of each acquire."""
    released: list[Snapshot | None] = field(default_factory=list["Snapshot | None"])
    """The clock of each release; None when the trace ends first."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A reordering that ends in the deadlock: ``done[t]`` events of each thread, in trace order; then each of
    ``blocked`` waits."""

    done: tuple[int, ...]
    blocked: tuple[Instance, ...]


class Closure:
    """The trace prepared for questions about patterns.

    SPDOffline (Tunç, Mathur, Pavlogiannis, Viswanathan, PLDI 2023): clocks of thread order and read-from order (here:
    also of every other operation whose result depends on what others did before), then for every lock the closure
    under "of two sections begun, the earlier one is over".
    """

    def __init__(self, trace: Trace, roles: dict[int, Role], wanted: set[int]) -> None:
        """``wanted``: the events that :meth:`check` will be asked about."""
        self.threads = len(trace.tables.threads)
        self.thread_of: list[int] = []
        self.position: list[int] = []
        """For every event how many events of its thread came before it."""
        self.before: dict[int, Snapshot] = {}
        """The clock of the thread just before each wanted event."""
        self.sections: dict[int, list[Sections]] = {}
        self._walk(trace, roles, wanted)
        self._contended = [rows for rows in self.sections.values() if len({row.thread for row in rows}) > 1]
        self._touched_by = [
            sum(1 << place for place, rows in enumerate(self._contended) if any(row.thread == thread for row in rows))
            for thread in range(self.threads)
        ]
        """Per thread the contended locks it takes, as bits."""

    def _walk(self, trace: Trace, roles: dict[int, Role], wanted: set[int]) -> None:
        order = ReadsFrom(trace, roles)
        rows: dict[tuple[int, int, bool], Sections] = {}
        open_levels: dict[tuple[int, int], list[Sections | None]] = {}
        objects = trace.tables.objects
        for event in trace:
            op, thread, target = event.operation, event.thread, event.object
            own = order.begin(thread)
            self.thread_of.append(thread)
            self.position.append(own)
            if event.index in wanted:
                self.before[event.index] = order.snapshot(thread)
            order.event(event)
            if op is Op.WAIT and target != NOTHING and objects[target].kind == "Condition":
                target = objects[target].part_of
                released_all = True
            else:
                released_all = False
            if op is Op.ACQUIRE and roles.get(target) is Role.MUTEX:
                levels = open_levels.setdefault((thread, target), [])
                if levels:
                    levels.append(None)
                    continue
                key = (target, thread, extra_of(event).get("mode") == "shared")
                row = rows.get(key)
                if row is None:
                    row = rows[key] = Sections(thread, key[2])
                    self.sections.setdefault(target, []).append(row)
                row.entered.append(own)
                row.acquires.append(event.index)
                row.released.append(None)
                levels.append(row)
            elif (op is Op.RELEASE or released_all) and (levels := open_levels.get((thread, target))):
                row = levels[0] if released_all else levels.pop()
                if released_all:
                    levels.clear()
                if row is not None:
                    row.released[-1] = order.snapshot(thread)

    def check(self, pattern: tuple[Dependency, ...]) -> Witness | None:
        """A witness of the deadlock of these dependencies, or None when no sync-preserving one exists."""
        return self._search(pattern, locks=True)

    def ordered(self, pattern: tuple[Dependency, ...]) -> bool:
        """Is the pattern impossible whatever the locks do: one wait always comes after the end of another?"""
        return self._search(pattern, locks=False) is None

    def _search(self, pattern: tuple[Dependency, ...], *, locks: bool) -> Witness | None:
        """Algorithm SPDOffline, one pattern: advance each dependency to its first instance outside the closure."""
        done = [0] * self.threads
        index = [0] * len(pattern)
        while True:
            blocked: list[Instance] = []
            for place, dependency in enumerate(pattern):
                if index[place] == len(dependency.instances):
                    return None
                blocked.append(dependency.instances[index[place]])
            changed = 0
            for instance in blocked:
                changed |= self.before[instance.event].join_into(done)
            if locks and not self._close(done, changed):
                return None
            inside = [place for place, instance in enumerate(blocked) if self._in(instance, done)]
            if not inside:
                return Witness(tuple(done), tuple(blocked))
            for place in inside:
                instances = pattern[place].instances
                while index[place] < len(instances) and self._in(instances[index[place]], done):
                    index[place] += 1

    def _in(self, instance: Instance, done: list[int]) -> bool:
        return self.position[instance.event] < done[self.thread_of[instance.event]]

    def _close(self, done: list[int], changed: int) -> bool:
        """Grow ``done`` until of any two sections of one lock in it, only the later one may be open; False when a
        section that has to be over never ends. ``changed``: the threads to begin with, as bits."""
        todo = self._locks_of(changed)
        while todo:
            bit = todo & -todo
            todo ^= bit
            # Clocks are closed under the order of clocks: a release that is in ``done`` has nothing more to bring.
            latest = NOTHING
            unfinished: list[tuple[int, Snapshot | None, Sections]] = []
            rows = self._contended[bit.bit_length() - 1]
            for row in rows:
                count = done[row.thread]
                if count > row.entered[0]:
                    last = bisect_left(row.entered, count) - 1
                    acquire, release = row.acquires[last], row.released[last]
                    latest = max(latest, acquire)
                    if release is None or release.count > count:
                        unfinished.append((acquire, release, row))
            for acquire, release, row in unfinished:
                if acquire == latest or (row.shared and not self._waits(acquire, row, rows, done)):
                    continue
                if release is None:
                    return False
                todo |= self._locks_of(release.join_into(done))
        return True

    @staticmethod
    def _waits(acquire: int, shared: Sections, rows: list[Sections], done: list[int]) -> bool:
        """Has a writer entered after this reader?"""
        return any(
            row.thread != shared.thread
            and not row.shared
            and done[row.thread] > row.entered[0]
            and row.acquires[bisect_left(row.entered, done[row.thread]) - 1] > acquire
            for row in rows
        )

    def _locks_of(self, threads: int) -> int:
        locks = 0
        while threads:
            bit = threads & -threads
            threads ^= bit
            locks |= self._touched_by[bit.bit_length() - 1]
        return locks
