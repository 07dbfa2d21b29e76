"""Which earlier events an event cannot do without: its thread's own, and those that decided what it read or whether it
could go on. Mutexes are left out on purpose: their order is what a reordering may change.

A clock counts, for each thread, how many of its events must come first. Walks a trace once, event by event.
"""

from __future__ import annotations

from collections import deque

from ...simcore.trace import NOTHING, Event, ObjectInfo, Op, Trace
from .classify import SEMAPHORES, Role
from .dependencies import extra_of

_NO_EFFECT = frozenset(
    {Op.SLEEP, Op.COMPUTE, Op.MARK, Op.FAIL, Op.REQUEST, Op.BLOCK, Op.READY, Op.PREEMPT, Op.IO}
    | {Op.GIL_ACQUIRE, Op.GIL_RELEASE, Op.GIL_REQUEST, Op.BEGIN, Op.END}
)
"""Operations whose result does not depend on the object they name."""


class Snapshot:
    """A clock as it was: the others' counts are shared with later snapshots of the thread, its own count is not."""

    __slots__ = ("count", "others", "thread")

    def __init__(self, others: tuple[int, ...], thread: int, count: int) -> None:
        self.others = others
        self.thread = thread
        self.count = count

    def join_into(self, clock: list[int]) -> int:
        """Raise ``clock`` to at least this; the threads whose count changed, as bits."""
        changed = 0
        for thread, count in enumerate(self.others):
            if count > clock[thread]:
                clock[thread] = count
                changed |= 1 << thread
        if self.count > clock[self.thread]:
            clock[self.thread] = self.count
            changed |= 1 << self.thread
        return changed


class ReadsFrom:
    """The clocks of a walk. For each event call :meth:`begin`, then :meth:`event`; between the two, and after, a
    :meth:`snapshot` gives the thread's clock.

    An event's result is kept by requiring every earlier event that could have decided it. Where that is known exactly
    (the write a read saw, the notify that chose a waiter, the release that gave a permit) only that one is required,
    else all earlier events on the object: too many edges lose a prediction, too few would invent one.
    """

    def __init__(self, trace: Trace, roles: dict[int, Role]) -> None:
        self._objects = trace.tables.objects
        self._roles = roles
        size = len(trace.tables.threads)
        self._clocks = [[0] * size for _ in range(size)]
        self._frozen: list[tuple[int, ...] | None] = [None] * size
        self._started: dict[int, Snapshot] = {}
        self._last: dict[int, Snapshot] = {}
        """Per variable or event the change that is read; per lock the acquire of its holder."""
        self._all: dict[int, list[int]] = {}
        """Per object the join of the events on it that a later one may depend on."""
        self._taken: dict[int, list[int]] = {}
        """Per queue the join of its gets."""
        self._permits: dict[int, deque[Snapshot | None]] = {}
        self._waiters: dict[int, list[int]] = {}
        self._woken_by: dict[tuple[int, int], Snapshot] = {}

    def begin(self, thread: int) -> int:
        """Before the thread's next event: how many it has done. The first one needs the start."""
        own = self._clocks[thread][thread]
        if not own and thread in self._started:
            self._join(thread, self._started[thread])
        return own

    def snapshot(self, thread: int) -> Snapshot:
        others = self._frozen[thread]
        if others is None:
            others = self._frozen[thread] = tuple(self._clocks[thread])
        return Snapshot(others, thread, self._clocks[thread][thread])

    def event(self, event: Event) -> None:
        """Let the event take effect on the clocks."""
        thread, target = event.thread, event.object
        info = None if target == NOTHING else self._objects[target]
        if info is not None:
            self._needs(event, thread, target, info)
        self._clocks[thread][thread] += 1
        if info is not None:
            self._leaves(event, thread, target, info)

    def _join(self, thread: int, snapshot: Snapshot | None) -> None:
        if snapshot is not None and snapshot.join_into(self._clocks[thread]):
            self._frozen[thread] = None

    def _join_clock(self, thread: int, clock: list[int] | None) -> None:
        if clock is None:
            return
        own = self._clocks[thread]
        for other, count in enumerate(clock):
            if count > own[other]:
                own[other] = count
                self._frozen[thread] = None

    def _collect(self, clocks: dict[int, list[int]], target: int, thread: int) -> None:
        clock = clocks.get(target)
        if clock is None:
            clocks[target] = list(self._clocks[thread])
        else:
            self.snapshot(thread).join_into(clock)

    def _needs(self, event: Event, thread: int, target: int, info: ObjectInfo) -> None:
        """Join what the event depends on into its thread's clock."""
        op, kind = event.operation, info.kind
        if kind == "Thread":
            if info.thread != NOTHING and (op is Op.JOIN or (op is Op.ATOMIC and not event.outcome)):
                self._join_clock(thread, self._clocks[info.thread])  # it has ended: this is all it did
        elif _is_cell(op, kind):
            if op is not Op.WRITE:
                self._join(thread, self._last.get(target))
        elif target in self._roles:
            self._needs_lock(op, thread, target)
        elif kind == "Condition":
            if op is Op.NOTIFY:
                self._join_clock(thread, self._all.get(target))
            elif op is Op.WAKE:
                chosen = self._woken_by.pop((target, thread), None)
                if chosen is None:
                    self._join_clock(thread, self._all.get(target))
                else:
                    self._join(thread, chosen)
        elif kind == "Event":
            if op not in (Op.SET, Op.CLEAR):
                self._join(thread, self._last.get(target))
        elif op is Op.PUT:
            if info.capacity:
                self._join_clock(thread, self._all.get(target))
                self._join_clock(thread, self._taken.get(target))
        elif op is Op.RUN and kind == "Future":  # the pool's queue decides who runs what
            self._join_clock(thread, self._all.get(info.part_of))
            self._join_clock(thread, self._all.get(target))
        elif op not in _NO_EFFECT:
            self._join_clock(thread, self._all.get(target))
            self._join_clock(thread, self._taken.get(target))

    def _needs_lock(self, op: Op, thread: int, target: int) -> None:
        if self._roles[target] is Role.MUTEX:
            if op is Op.ACQUIRE_FAILED:
                self._join(thread, self._last.get(target))
            elif op is Op.ATOMIC:
                self._join_clock(thread, self._all.get(target))
        elif op is Op.ACQUIRE:
            permits = self._permits.get(target)
            if permits is None:
                permits = self._permits[target] = self._at_first(target)
            if permits:
                self._join(thread, permits.popleft())
            else:  # more permits than the trace tells of
                self._join_clock(thread, self._all.get(target))
        elif op in (Op.ACQUIRE_FAILED, Op.ATOMIC):
            self._join_clock(thread, self._all.get(target))

    def _at_first(self, target: int) -> deque[Snapshot | None]:
        info = self._objects[target]
        return deque([None] * (info.capacity if info.kind in SEMAPHORES else 1))

    def _leaves(self, event: Event, thread: int, target: int, info: ObjectInfo) -> None:
        """Keep what later events may depend on."""
        op, kind = event.operation, info.kind
        if kind == "Thread":
            if op is Op.START and info.thread != NOTHING:
                self._started[info.thread] = self.snapshot(thread)
        elif _is_cell(op, kind):
            if op is not Op.READ:
                self._last[target] = self.snapshot(thread)
        elif kind == "Event":
            if op in (Op.SET, Op.CLEAR):
                self._last[target] = self.snapshot(thread)
        elif target in self._roles:
            self._leaves_lock(op, thread, target, int(extra_of(event).get("count", 1)))
        elif kind == "Condition":
            self._leaves_condition(event, thread, target, info)
        elif op is Op.GET:
            self._collect(self._taken, target, thread)
        elif op is Op.RUN and kind == "Future":
            self._collect(self._all, target, thread)
            if info.part_of != NOTHING:
                self._collect(self._all, info.part_of, thread)
        elif op not in _NO_EFFECT and op is not Op.RESULT:
            self._collect(self._all, target, thread)

    def _leaves_lock(self, op: Op, thread: int, target: int, count: int = 1) -> None:
        mutex = self._roles[target] is Role.MUTEX
        if op is Op.ACQUIRE and mutex:
            self._last[target] = self.snapshot(thread)
        if op is Op.RELEASE and not mutex:
            permits = self._permits.get(target)
            if permits is None:
                permits = self._permits[target] = self._at_first(target)
            permits.extend([self.snapshot(thread)] * count)
        if op in (Op.ACQUIRE, Op.RELEASE):
            self._collect(self._all, target, thread)

    def _leaves_condition(self, event: Event, thread: int, target: int, info: ObjectInfo) -> None:
        """The order of waits, time-outs and notifies decides whom a notify chooses: first come, first served."""
        op = event.operation
        waiters = self._waiters.setdefault(target, [])
        if op is Op.WAIT:
            waiters.append(thread)
            if info.part_of in self._roles:
                self._leaves_lock(Op.RELEASE, thread, info.part_of)
        elif op is Op.NOTIFY:
            chosen, waiters[:] = waiters[: event.outcome], waiters[event.outcome :]
            for waiter in chosen:
                self._woken_by[target, waiter] = self.snapshot(thread)
        elif thread in waiters:
            waiters.remove(thread)
        if op in (Op.WAIT, Op.TIMEOUT, Op.NOTIFY):
            self._collect(self._all, target, thread)


def _is_cell(op: Op, kind: str) -> bool:
    """One value, which a write replaces. A whole container is not: what it holds comes from all writes before."""
    return kind == "Variable" or (op in (Op.READ, Op.WRITE) and kind != "Container")
