"""Shared-memory accesses in one execution of the explored world: which of them are unordered, and which are steps.

Rewritten code calls hooks before each access (``simcore.watch``), which call the monitor here. An access is a step only
when its variable is known to be raced for: a program without races needs no switch points but its synchronisation (the
classical result behind every race detector: take the first race of any schedule; before it, synchronisation alone
decides what happens, so the schedule that orders only synchronisation in the same way has it too). A race found makes
its variables visible, and the exploration starts over with accesses to them as steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import watch
from .directory import Directory, label_of
from .hooks import SITES
from .threads import VirtualThread
from .variables import (
    CONFLICTS,
    ITEM_READ,
    ITEM_WRITE,
    READ,
    STEPS,
    WHOLE_READ,
    WHOLE_WRITE,
    WRITE,
    WRITES,
    MemoryAccess,
    Variable,
)
from .world import Operation

if TYPE_CHECKING:
    from .explored import ExploredWorld

SPINNING = 100_000
"""So many reads of one variable without a write, a step, or more than a few other variables read: the thread waits for
another one to change something."""
_TAKEN = frozenset({"Lock", "RLock", "Semaphore", "BoundedSemaphore"})
"""Objects whose release says no more than that they are free; the others' edges are signals."""
_LOOKED_AT_MAX = 8
"""How many variables a waiting loop looks at."""
AGAIN = 10
"""So many visible reads of one value at one place, with nothing done in between: as above."""


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses to one variable, of which at least one writes, that nothing orders."""

    group: str
    label: str
    """How the variable is called as long as no name is found for its object: ``Counter.value``."""
    kinds: tuple[int, int]
    sites: tuple[int, int]
    threads: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stale:
    """A write that rests on a value read before another thread's write: read, foreign write, write.

    ``racy`` when the foreign write was unordered with one of the two; else locks order all three, and it is the two
    critical sections that belong together.
    """

    group: str
    label: str
    sites: tuple[int, int, int]
    """Of the read, the foreign write, the write."""
    threads: tuple[str, str]
    racy: bool
    sure: bool
    """The written value was computed from the one read (``x += 1``), not merely in the same function."""


class AccessMonitor:
    """Watches one execution. ``visible`` are the groups of variables whose accesses are steps; ``numbers`` maps what
    identifies a variable to its uid and is shared by all executions of an exploration."""

    def __init__(self, visible: frozenset[str] = frozenset(), numbers: dict[Any, int] | None = None) -> None:
        self.visible = visible
        self.directory = Directory(visible, {} if numbers is None else numbers)
        self.world: ExploredWorld
        """Set by :meth:`begin`."""
        self.clocks: list[dict[int, int]] = []
        """Per thread index, the latest step it knows of each other thread."""
        self.marks: list[tuple[int, dict[int, int]]] = []
        """Per step, its thread and what that thread knew then."""
        self.told: dict[int, dict[int, int]] = {}
        """Per thread index, what it knows of the others by a signal (a notify, a set, an item, a join) and not only by
        having taken a lock after them."""
        self.period = 0
        """Counts the times that a thread did something else than looking at the same few variables."""
        self.looked_at = 0
        """How many variables were read in this period."""
        self.again: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
        self.races: dict[tuple[str, int, int], Race] = {}
        self.fresh: set[str] = set()
        """Groups found to be raced for in this execution that are not visible yet."""
        self.stale: dict[tuple[str, int, int, int], Stale] = {}
        self.orders: dict[int, list[tuple[int, int]]] = {}
        """Per synchronisation object, the threads and access codes of its operations in order."""
        self.memory_orders: dict[int, tuple[str, list[tuple[int, int]]]] = {}
        """The same per variable, with its group."""
        self.unsettled: tuple[Variable, Any] | None = None
        self.values: dict[int, Variable] = {}
        """The visible variables that were touched, by uid."""
        self.view_of: dict[int, Variable] = {}
        """Per thread index, the dictionary it last asked for a view."""
        self.observer: Callable[[VirtualThread, Variable, int, int], None] | None = None
        """Told of accesses that are no steps: thread, variable, kind, site."""
        self.wrote: Callable[[Variable], None] | None = None
        """Told when the value that a write left is known."""

    # The world's side.

    def begin(self, world: ExploredWorld) -> None:
        self.world = world
        self.directory.threads = world.threads
        watch.current = self

    def end(self) -> None:
        self.settle()
        watch.current = None

    def stepped(self, thread: VirtualThread, operation: Operation, code: int, edges: list[int]) -> None:
        """A step took effect; ``edges`` are the earlier steps that made it possible (``World.order_after``)."""
        self.settle()
        self.period += 1
        self.looked_at = 0
        index = thread.index
        clocks = self.clocks
        while len(clocks) <= index:
            clocks.append({})
        if edges:
            known = dict(clocks[index])
            for edge in edges:
                other, its = self.marks[edge]
                for who, step in its.items():
                    if step > known.get(who, -1):
                        known[who] = step
                if edge > known.get(other, -1):
                    known[other] = edge
            clocks[index] = known
            if operation.target.kind not in _TAKEN:
                self._signalled(index, edges)
        self.marks.append((index, clocks[index]))
        if operation.productive:
            self.again.pop(index, None)
        if self.visible and code:
            second = operation.second
            target: Any = operation.target
            if isinstance(operation, MemoryAccess):
                self.memory_orders.setdefault(target.uid, (target.group, []))[1].append((thread.uid, code))
            else:
                self.orders.setdefault(target.uid, []).append((thread.uid, code))
            if isinstance(second, Variable):
                self.memory_orders.setdefault(second.uid, (second.group, []))[1].append(
                    (thread.uid, operation.second_done)
                )
            elif second is not None:
                self.orders.setdefault(second.uid, []).append((thread.uid, operation.second_done))

    def settle(self) -> None:
        """Look at what the last visible write left behind."""
        if self.unsettled is not None:
            (variable, thing), self.unsettled = self.unsettled, None
            variable.value = self.directory.value(variable, thing)
            if self.wrote is not None:
                self.wrote(variable)
            if variable.container:
                # An item and its container are two views of one content: both are to hold what is there at the end.
                entry = variable.holder
                for other in entry.variables.values() if variable is entry.whole else (entry.whole,):
                    if other is not None and other.uid in self.values:
                        other.value = self.directory.value(other, thing)

    # Accesses.

    def touch(self, variable: Variable, kind: int, site: int, label: str, thing: Any, whole: Variable | None) -> None:
        """The running thread is about to access ``variable`` of ``thing``; ``whole`` is the container of an item."""
        world = self.world
        thread = world.thread
        if variable.visible and len(world.threads) > 1:
            self.settle()
            if not variable.uid:
                self.directory.number(variable)
            if whole is not None and not whole.uid:
                self.directory.number(whole)
            step = STEPS[kind + (2 if whole is not None else 0)](variable, site, label, whole)
            if kind not in WRITES:
                step.again = self._again(thread, variable, site)
            pair = SITES[site].pair
            step.extra = {"pair": True} if pair else None
            world.perform(step)
            if kind in WRITES:
                self.unsettled = (variable, thing)
            elif variable.value == "" or whole is None:
                variable.value = self.directory.value(variable, thing)
            self.values[variable.uid] = variable
        else:
            if kind in WRITES:
                self.period += 1
                self.looked_at = 0
            else:
                self.looks(variable)
            if self.observer is not None:
                self.settle()
                if kind not in WRITES:
                    variable.value = self.directory.value(variable, thing)
                self.observer(thread, variable, kind, site)
                if kind in WRITES:
                    self.unsettled = (variable, thing)
        self._note(variable, kind, site, thread)
        if whole is not None:
            self._note(whole, ITEM_WRITE if kind in WRITES else ITEM_READ, site, thread)

    def looks(self, variable: Variable) -> None:
        """A read that is no step: is the thread in a loop that waits for another one?"""
        if variable.period == self.period:
            variable.looks += 1
            if variable.looks > SPINNING and len(self.world.live) > 1:
                self.fresh.add(variable.group)
                variable.visible = True
            return
        variable.period = self.period
        variable.looks = 1
        self.looked_at += 1
        if self.looked_at > _LOOKED_AT_MAX:
            self.period += 1
            self.looked_at = 0

    def _again(self, thread: VirtualThread, variable: Variable, site: int) -> bool:
        """Has this thread read the same value at this place many times, and done nothing else?"""
        mine = self.again.setdefault(thread.index, {})
        version, count = mine.get((variable.uid, site), (-1, 0))
        count = count + 1 if version == variable.version else 1
        mine[variable.uid, site] = (variable.version, count)
        return count > AGAIN

    def _note(self, variable: Variable, kind: int, site: int, thread: VirtualThread) -> None:
        index = thread.index
        now = self.world.step
        last = variable.last
        owner = variable.owner
        if owner is not thread:
            if owner is None and not last:
                variable.owner = thread
            else:
                variable.owner = None
                clock = self.clocks[index] if index < len(self.clocks) else {}
                for other_kind in CONFLICTS[kind]:
                    others = last.get(other_kind)
                    if others:
                        for who, (then, where) in others.items():
                            if who != index and clock.get(who, -1) < then:
                                self._race(variable, (other_kind, kind), (where, site), (who, index))
                if kind == WRITE:
                    last.clear()  # whatever is unordered with what came before is unordered with this
        mine = last.get(kind)
        if mine is None:
            mine = last[kind] = {}
        mine[index] = (now, site)
        if kind in (READ, WHOLE_READ):
            variable.seen[index] = (variable.version, site, now)
        elif kind in (WRITE, WHOLE_WRITE):
            saw = variable.seen.pop(index, None)
            if saw is not None and saw[0] != variable.version:
                self._stale(variable, saw, site, thread, kind)
            variable.version += 1
            known = self.clocks[index] if index < len(self.clocks) else {}
            variable.written = (index, site, now, known)

    def _race(
        self, variable: Variable, kinds: tuple[int, int], sites: tuple[int, int], threads: tuple[int, int]
    ) -> None:
        group = variable.group
        if group not in self.visible:
            self.fresh.add(group)
        key = (group, min(sites), max(sites))
        if key not in self.races:
            names = self.world.threads
            self.races[key] = Race(
                group, label_of(variable), kinds, sites, (names[threads[0]].name, names[threads[1]].name)
            )

    def _stale(
        self, variable: Variable, saw: tuple[int, int, int], site: int, thread: VirtualThread, kind: int
    ) -> None:
        """A thread writes what it read before somebody else wrote; is it the same function, and what orders it?"""
        written = variable.written
        if written is None or written[0] == thread.index:
            return
        _, read_site, then = saw
        writer, foreign_site, wrote_at, writer_knew = written
        here, there = SITES[site], SITES[read_site]
        if (here.file, here.function) != (there.file, there.function):
            return
        clock = self.clocks[thread.index]
        racy = clock.get(writer, -1) < wrote_at or writer_knew.get(thread.index, -1) < then
        sure = bool(here.pair) and here.pair == read_site
        if not racy and (here.blind or (kind == WHOLE_WRITE and self._was_told(thread, writer, wrote_at))):
            return
        key = (variable.group, read_site, foreign_site, site)
        if key not in self.stale:
            names = self.world.threads
            self.stale[key] = Stale(
                variable.group,
                label_of(variable),
                (read_site, foreign_site, site),
                (thread.name, names[writer].name),
                racy,
                sure,
            )

    def _signalled(self, index: int, edges: list[int]) -> None:
        told = self.told.setdefault(index, {})
        for edge in edges:
            other, its = self.marks[edge]
            for who, step in its.items():
                if step > told.get(who, -1):
                    told[who] = step
            told[other] = max(edge, told.get(other, -1))

    def _was_told(self, thread: VirtualThread, writer: int, wrote_at: int) -> bool:
        """Was the thread signalled after the foreign write, by somebody who knew of it? Then the wait in ``if not items:
        changed.wait()`` is over for that reason, and ``items.pop()`` does not rest on the old look."""
        return self.told.get(thread.index, {}).get(writer, -1) >= wrote_at
