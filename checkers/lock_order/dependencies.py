"""Lock dependencies: which thread waited, or might have waited, for which lock while it held which others.

Reads a trace once or twice; what makes a cycle of dependencies possible or not is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from ...simcore.trace import NOTHING, Event, Op, Trace
from ..holding import MACHINE_OPS
from .classify import SEMAPHORES, Role, events_of


def life_of(thread: int) -> int:
    """The pseudo-lock that a thread holds from its first to its last event; ``join`` is an acquire of it.

    Objects have numbers from 0, NOTHING is -1, so lives go down from -2.
    """
    return -2 - thread


def thread_of_life(lock: int) -> int:
    return -2 - lock


@dataclass(frozen=True, slots=True)
class Held:
    """A lock held at some moment: where it was taken. ``event`` is -1 for a life."""

    lock: int
    shared: bool
    event: int
    location: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One time that a dependency occurred: the event that took, or wanted, the lock, and what was held then."""

    event: int
    location: int
    operation: str
    holding: tuple[Held, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Dependency:
    """``thread`` wants ``lock`` while it holds ``held`` (pairs of lock and whether it is held shared).

    ``timed``: the wait has a time-out, so it cannot be for ever.
    """

    thread: int
    lock: int
    shared: bool
    timed: bool
    held: frozenset[tuple[int, bool]]
    instances: list[Instance] = field(default_factory=list[Instance])

    @property
    def locks(self) -> frozenset[int]:
        return frozenset(lock for lock, _ in self.held)


def extra_of(event: Event) -> dict[str, Any]:
    """The event's extra as a dictionary, empty when it is none."""
    return cast("dict[str, Any]", event.extra) if isinstance(event.extra, dict) else {}


def dependencies(trace: Trace, roles: dict[int, Role]) -> list[Dependency]:
    """The dependencies of all threads, each signature once, in the order of their first occurrence.

    Counted are outermost blocking acquires with something held: re-entry changes a depth only; ``acquire(False)``
    cannot wait but what it took is held from then on; a failed acquire is nothing. Locks are released in any order.
    ``Condition.wait`` releases its lock, and taking it back is an acquire. Waits for a thread's end or a task's result
    count as acquires of something the other thread holds as long as it lives or works on the task.
    """
    first = _Walk(trace, roles, frozenset())
    lives = _joined_with_something_held(first.joins)
    if not lives:
        return first.found()
    return _Walk(trace, roles, lives).found()


def _joined_with_something_held(joins: set[tuple[int, int, bool]]) -> frozenset[int]:
    """The threads whose life matters: joined by a thread that holds a lock, or by one whose own life matters."""
    lives: set[int] = {joined for _, joined, holding in joins if holding}
    while True:
        more = {joined for joiner, joined, _ in joins if joiner in lives} - lives
        if not more:
            return frozenset(lives)
        lives |= more


_TOLD = (Op.ACQUIRE, Op.RELEASE, Op.WAIT, Op.JOIN, Op.RUN, Op.SET, Op.RESULT, Op.REQUEST)


def _last_events(trace: Trace) -> set[int]:
    """The index of every thread's last own event; one that is a request was never granted."""
    rows = trace.rows()
    missing = set(range(len(trace.tables.threads)))
    found: set[int] = set()
    for index in range(len(rows) - 1, -1, -1):
        thread, operation, _, target, *_ = rows[index]
        scheduled = operation in MACHINE_OPS or (operation == Op.RUN and target == NOTHING)
        if thread in missing and operation != Op.FAIL and not scheduled:
            missing.discard(thread)
            found.add(index)
        if not missing:
            break
    return found


class _Walk:
    """One pass over the trace with what each thread holds."""

    def __init__(self, trace: Trace, roles: dict[int, Role], lives: frozenset[int]) -> None:
        self.objects = trace.tables.objects
        self.roles = roles
        self.lives = lives
        self.joins: set[tuple[int, int, bool]] = set()
        """(joiner, joined, whether the joiner held a lock)."""
        self.held: dict[int, dict[int, list[Held]]] = {}
        """Per thread and lock the levels at which it is held, in the order of the outermost acquires."""
        self.signatures: dict[tuple[int, int, bool, bool, frozenset[tuple[int, bool]]], Dependency] = {}
        self.frozen: dict[int, tuple[tuple[Held, ...], frozenset[tuple[int, bool]]]] = {}
        last = _last_events(trace)
        for event in events_of(trace, _TOLD):
            if event.operation is not Op.REQUEST:
                self._event(event)
            elif event.index in last and event.object != NOTHING and not extra_of(event).get("alive"):
                self._blocked_at_the_end(event)

    def found(self) -> list[Dependency]:
        return list(self.signatures.values())

    def _event(self, event: Event) -> None:
        op, thread, target = event.operation, event.thread, event.object
        if op is Op.ACQUIRE:
            if self.roles.get(target) is Role.MUTEX:
                self._acquire(event)
        elif op is Op.RELEASE:
            self._drop(thread, target, all_levels=False)
        elif op is Op.WAIT and target != NOTHING and self.objects[target].kind == "Condition":
            self._drop(thread, self.objects[target].part_of, all_levels=True)
        elif target == NOTHING:
            return
        elif op is Op.JOIN:
            self._join(event)
        elif op is Op.RUN and self.objects[target].kind == "Future":
            self._hold(thread, Held(target, False, event.index, event.location))
        elif op is Op.SET and self.objects[target].kind == "Future":
            self._drop(thread, target, all_levels=True)
        elif op is Op.RESULT and self.objects[target].kind == "Future":
            self._want(event, target, False, "Future.result")

    def _acquire(self, event: Event) -> None:
        thread, target = event.thread, event.object
        extra = extra_of(event)
        shared = extra.get("mode") == "shared"
        new = Held(target, shared, event.index, event.location)
        levels = self.held.get(thread, {}).get(target)
        if levels and self.objects[target].kind not in SEMAPHORES:
            levels.append(new)
            return
        if extra.get("blocking") != "try":
            self._want(event, target, shared, "acquire")
        self._hold(thread, new)

    def _join(self, event: Event) -> None:
        info = self.objects[event.object]
        if info.kind != "Thread" or info.thread == NOTHING or info.thread == event.thread:
            return
        if extra_of(event).get("blocking") is None:
            self.joins.add((event.thread, info.thread, bool(self.held.get(event.thread))))
        if info.thread in self.lives:
            self._want(event, life_of(info.thread), False, "join")

    def _blocked_at_the_end(self, event: Event) -> None:
        """The trace ends in a wait: that is a dependency that will never be an acquire."""
        info = self.objects[event.object]
        if info.kind == "Thread":
            self._join(event)
        elif info.kind == "Future":
            self._want(event, event.object, False, "Future.result")
        elif self.roles.get(event.object) is Role.MUTEX and event.object not in self.held.get(event.thread, {}):
            self._want(event, event.object, extra_of(event).get("mode") == "shared", "acquire")

    def _hold(self, thread: int, new: Held) -> None:
        self.held.setdefault(thread, {}).setdefault(new.lock, []).append(new)
        self.frozen.pop(thread, None)

    def _drop(self, thread: int, target: int, *, all_levels: bool) -> None:
        mine = self.held.get(thread)
        levels = None if mine is None else mine.get(target)
        if mine is None or levels is None:
            return
        levels.pop()
        if all_levels or not levels:
            del mine[target]
            self.frozen.pop(thread, None)

    def _want(self, event: Event, lock: int, shared: bool, operation: str) -> None:
        thread = event.thread
        mine = self.held.get(thread)
        if not mine and thread not in self.lives:
            return
        state = self.frozen.get(thread)
        if state is None:
            holding = tuple(levels[0] for levels in (mine or {}).values())
            if thread in self.lives:
                holding = (Held(life_of(thread), False, NOTHING, NOTHING), *holding)
            state = self.frozen[thread] = (holding, frozenset((item.lock, item.shared) for item in holding))
        holding, held = state
        timed = extra_of(event).get("blocking") is not None
        key = (thread, lock, shared, timed, held)
        dependency = self.signatures.get(key)
        if dependency is None:
            dependency = self.signatures[key] = Dependency(*key)
        dependency.instances.append(Instance(event.index, event.location, operation, holding))


def surviving(found: Iterable[Dependency]) -> list[Dependency]:
    """Those that can be part of a cycle: their lock is held somewhere, and something they hold is wanted somewhere.

    MagicFuzzer's pruning (Cai and Chan, ICSE 2012): repeated until nothing more falls away.
    """
    left = list(found)
    while True:
        wanted = {dependency.lock for dependency in left}
        held = {lock for dependency in left for lock in dependency.locks}
        kept = [
            dependency for dependency in left if dependency.lock in held and not wanted.isdisjoint(dependency.locks)
        ]
        if len(kept) == len(left):
            return kept
        left = kept
