"""The edges of every primitive: how each operation of a trace moves clocks between threads.

Knows how the three worlds write an operation down and what it orders; keeps no clock itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ...simcore.trace import NOTHING, Op, Trace
from .vocabulary import (
    BARRIER,
    CHANNEL,
    CHANNELS,
    CLASS_OF_KIND,
    CONDITION,
    EVENT,
    FORK,
    FUTURE,
    FUTURES,
    JOIN,
    LOCK,
    MEMORY,
    MERGE,
    MUTEX,
    OTHER,
    PLAIN,
    POOL,
    QUEUE,
    RECEIVE,
    SEMAPHORE,
    SEND,
    SMALL,
    THREAD,
    THREADS,
    Semaphores,
)


class _Barrier:
    """Rounds alternate between two clocks: whoever arrives for the next but one has seen all leave this one."""

    __slots__ = ("all", "arrived", "mine", "parties", "rounds", "seen", "weak")

    def __init__(self, parties: int, rounds: list[int], everything: int) -> None:
        self.parties = parties
        self.rounds = rounds
        self.all = everything
        self.arrived = 0
        self.mine: dict[int, int] = {}
        self.seen: set[int] = set()
        self.weak = False
        """Rounds cannot be told apart (it was broken, or more threads than parties come): all arrivals count."""


class _Queue:
    __slots__ = ("closed", "done", "everything", "items", "mutex", "order", "room")

    def __init__(self, order: str, capacity: int) -> None:
        self.order = order
        self.items: deque[int] = deque()
        self.room: deque[int] | None = deque([NOTHING] * capacity) if capacity > 0 else None
        self.done = self.closed = self.everything = self.mutex = NOTHING


class Edges:
    """Turns events into steps. Locks and memory need no state and are looked up; the rest is resolved one by one."""

    def __init__(self, trace: Trace, locks: bool, semaphores: Semaphores) -> None:
        self.steps: list[tuple[int, int, int, int]] = []
        self.clocks = 0
        self.plain = PLAIN
        self.variables: list[int] = []
        self.objects = trace.tables.objects
        self.classes = [CLASS_OF_KIND.get(info.kind, OTHER) for info in self.objects]
        self.operands: list[int] = [NOTHING] * len(self.objects)
        self.weak = semaphores == "weak"
        self.locks = locks
        self._free: list[int] = []
        self._state: dict[Any, Any] = {}
        self._shared = _held_shared(trace)
        self._readers: dict[int, int] = {}
        self._looked_at = _queues_looked_at(trace, self.objects)
        self._mutexes: dict[int, int] = {}
        self._any_future = self._any_channel = self._any_end = NOTHING
        for index, info in enumerate(self.objects):
            group = self.classes[index]
            if group == MEMORY:
                self.operands[index] = len(self.variables)
                self.variables.append(index)
            elif group == LOCK:
                self.operands[index] = self._new()
                whole = info.part_of
                if whole != NOTHING and self.classes[whole] == QUEUE:
                    self.classes[index] = MUTEX
                    self._mutexes[whole] = self.operands[index]
                elif index in self._shared:
                    self.classes[index] = MUTEX
                elif not locks:
                    self.classes[index] = OTHER
            elif group == FUTURES:
                self._any_future = self._new()
            elif group == CHANNELS:
                self._any_channel = self._new()
            elif group == THREADS:
                self._any_end = self._new()
        # For the object -1: no object at all.
        self.classes.append(OTHER)
        self.operands.append(NOTHING)
        self._resolvers: dict[int, Callable[[int, int, int, int, int, Any], None]] = {
            MUTEX: self._mutex,
            CONDITION: self._condition,
            SEMAPHORE: self._semaphore,
            EVENT: self._event,
            BARRIER: self._barrier,
            QUEUE: self._queue,
            FUTURE: self._future,
            POOL: self._pool,
            FUTURES: self._futures,
            THREAD: self._thread,
            CHANNEL: self._channel,
            CHANNELS: self._channels,
            THREADS: self._threads,
        }

    def wholes(self) -> list[int]:
        """For each variable the container it is an item of, as a variable's number, or -1."""
        found: list[int] = []
        for index in self.variables:
            whole = self.objects[index].part_of
            inside = whole != NOTHING and self.objects[whole].kind == "Container"
            found.append(self.operands[whole] if inside else NOTHING)
        return found

    def resolve(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        self._resolvers[self.classes[target]](index, thread, operation, target, outcome, extra)

    # Clocks.

    def _new(self) -> int:
        if self._free:
            return self._free.pop()
        self.clocks += 1
        return self.clocks - 1

    def _add(self, index: int, thread: int, code: int, operand: int) -> None:
        if operand != NOTHING:
            self.steps.append((index, thread, code, operand))

    def _leave(self, index: int, thread: int) -> int:
        """A clock for one receiver."""
        clock = self._new()
        self._add(index, thread, SEND, clock)
        return clock

    def _collect(self, index: int, thread: int, clock: int) -> None:
        """Receive a clock that nobody else will; it may be used again."""
        if clock != NOTHING:
            self._add(index, thread, RECEIVE, clock)
            self._free.append(clock)

    def _of(self, target: int, part: str = "") -> int:
        """The clock that belongs to an object, or to one aspect of it, made at first need."""
        key: Any = (target, part)
        clock = self._state.get(key)
        if clock is None:
            clock = self._state[key] = self._new()
        return clock

    # Primitives.

    def _mutex(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        """A lock with readers and writers, or a queue's mutex that the program takes itself."""
        lock = self.operands[target]
        whole = self.objects[target].part_of
        readers = self._of(target, "readers") if target in self._shared else NOTHING
        shared = bool(extra) and extra.get("mode") == "shared"
        if operation == Op.ACQUIRE:
            if self.locks:
                self._add(index, thread, RECEIVE, lock)
                if not shared:
                    self._add(index, thread, RECEIVE, readers)
            if whole in self._mutexes:
                self._add(index, thread, RECEIVE, self._of(whole, "everything"))
        elif shared:
            if self.locks:
                self._add(index, thread, MERGE, readers)
        elif self.locks or whole in self._mutexes:
            self._add(index, thread, SEND, lock)

    def _condition(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        waiting: list[int] = self._state.setdefault(target, [])
        if operation == Op.WAIT:
            waiting.append(thread)
            whole = self.objects[target].part_of
            if whole != NOTHING and (self.locks or self.classes[whole] == MUTEX):
                self._add(index, thread, SEND, self.operands[whole])
        elif operation == Op.NOTIFY:
            chosen: Iterable[int] = extra["woken"] if extra and "woken" in extra else waiting[: max(outcome, 0)]
            for waiter in tuple(chosen):
                if waiter in waiting:
                    waiting.remove(waiter)
                self._add(index, thread, MERGE, self._of(target, f"waiter {waiter}"))
        elif operation == Op.WAKE:
            self._add(index, thread, RECEIVE, self._of(target, f"waiter {thread}"))
        elif thread in waiting:
            waiting.remove(thread)

    def _semaphore(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        if self.weak:
            self._add(index, thread, RECEIVE if operation == Op.ACQUIRE else MERGE, self._of(target))
            return
        info = self.objects[target]
        permits: deque[int] | None = self._state.get(target)
        if permits is None:
            permits = self._state[target] = deque([NOTHING] * info.capacity)
        if operation == Op.ACQUIRE:
            if permits:
                self._collect(index, thread, permits.popleft())
            return
        for _ in range(extra.get("count", 1) if extra else 1):
            # A bounded one that is full raises instead.
            if info.kind != "BoundedSemaphore" or len(permits) < info.capacity:
                permits.append(self._leave(index, thread))

    def _event(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        if operation == Op.SET:
            self._add(index, thread, MERGE, self._of(target))
        elif operation == Op.WAIT or outcome:  # is_set() said yes
            self._add(index, thread, RECEIVE, self._of(target))

    def _barrier(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        barrier: _Barrier | None = self._state.get(target)
        if barrier is None:
            barrier = _Barrier(self.objects[target].capacity, [self._new(), self._new()], self._new())
            self._state[target] = barrier
        if operation == Op.ARRIVE:
            clock = barrier.mine[thread] = barrier.rounds[0]
            barrier.seen.add(thread)
            barrier.weak |= len(barrier.seen) > barrier.parties
            self._add(index, thread, MERGE, clock)
            self._add(index, thread, MERGE, barrier.all)
            barrier.arrived += 1
            if barrier.arrived == barrier.parties:
                # In the simulated worlds the last one leaves at once.
                barrier.arrived = 0
                barrier.rounds.reverse()
                self._add(index, thread, RECEIVE, clock)
        elif operation == Op.DEPART:
            self._add(index, thread, RECEIVE, barrier.all if barrier.weak else barrier.mine.get(thread, barrier.all))
        elif operation == Op.ATOMIC:  # before or after the action, which has seen all arrivals and all leave after it
            if thread in barrier.mine:
                clock = barrier.mine[thread]
                for code, operand in ((RECEIVE, barrier.all), (MERGE, clock), (MERGE, barrier.all)):
                    self._add(index, thread, code, operand)
        else:
            barrier.weak = True
            self._add(index, thread, MERGE, barrier.all)

    def _new_queue(self, target: int) -> _Queue:
        info = self.objects[target]
        queue = self._state[target] = _Queue(info.kind, info.capacity)
        queue.done = self._new()
        queue.closed = NOTHING
        queue.mutex = self._mutexes.get(target, NOTHING)
        if target in self._looked_at or queue.mutex != NOTHING:
            queue.everything = self._of(target, "everything")
        return queue

    def _queue(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        queue: _Queue = self._state.get(target) or self._new_queue(target)
        self._add(index, thread, RECEIVE, queue.mutex)
        if operation == Op.PUT:
            if queue.closed != NOTHING:  # it raised
                self._add(index, thread, RECEIVE, queue.closed)
                return
            if queue.room:
                self._collect(index, thread, queue.room.popleft())
            if queue.order == "PriorityQueue":
                # The trace does not say which item a get takes: it is ordered after every put so far.
                self._add(index, thread, MERGE, self._of(target, "items"))
            else:
                queue.items.append(self._leave(index, thread))
        elif operation == Op.GET:
            if queue.order == "PriorityQueue":
                self._add(index, thread, RECEIVE, self._of(target, "items"))
            elif queue.items:
                self._collect(index, thread, queue.items.pop() if queue.order == "LifoQueue" else queue.items.popleft())
            self._add(index, thread, RECEIVE, queue.closed)
            if queue.room is not None:
                queue.room.append(self._leave(index, thread))
        elif operation == Op.TASK_DONE:
            self._add(index, thread, MERGE, queue.done)
        elif operation == Op.JOIN:
            self._add(index, thread, RECEIVE, queue.done)
            self._add(index, thread, RECEIVE, queue.closed)
        elif operation == Op.CLOSE:
            queue.closed = self._of(target, "closed")
            self._add(index, thread, MERGE, queue.closed)
        else:  # qsize(), empty(), full(): what it saw are the changes so far
            self._add(index, thread, RECEIVE, queue.everything)
            return
        self._add(index, thread, MERGE, queue.everything)

    def _future(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        told: str = extra.get("operation", "") if extra else ""
        pool = self.objects[target].part_of
        if operation == Op.SUBMIT:
            self._add(index, thread, SEND, self._of(target, "task"))
        elif operation == Op.RUN or told == "take a task":
            # The real world names the future it submits; the simulated ones hand tasks out in the order they came.
            queued: deque[int] | None = self._state.get(pool)
            if queued:
                self._collect(index, thread, queued.popleft())
            self._add(index, thread, RECEIVE, self._state.get((target, "task"), NOTHING))
        elif operation in (Op.SET, Op.CANCEL):
            self._add(index, thread, MERGE, self._of(target))
            self._add(index, thread, MERGE, self._any_future)
            self._add(index, thread, RECEIVE, self._state.get((target, "callbacks"), NOTHING))
        elif told == "Future.add_done_callback" and not outcome:  # whoever finishes the future will run it
            self._add(index, thread, MERGE, self._of(target, "callbacks"))
        else:  # result(), done(), cancelled() ...: nothing to receive while it is not done
            self._add(index, thread, RECEIVE, self._state.get((target, ""), NOTHING))
            if operation == Op.ATOMIC:  # a callback of the real world begins so
                self._add(index, thread, RECEIVE, self._state.get((target, "callbacks"), NOTHING))

    def _pool(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        closed: int = self._state.get((target, "closed"), NOTHING)
        if operation == Op.SUBMIT:
            if closed == NOTHING:
                self._state.setdefault(target, deque()).append(self._leave(index, thread))
        elif operation == Op.RUN:  # a worker without a task: it ends
            self._add(index, thread, RECEIVE, closed)
        else:
            self._add(index, thread, MERGE, self._of(target, "closed"))

    def _futures(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        """``wait`` and ``as_completed`` in the simulated worlds: the trace does not say which futures came back."""
        self._add(index, thread, RECEIVE, self._any_future)

    def _thread(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        other = self.objects[target].thread
        if operation == Op.START:
            self._add(index, thread, FORK, other)
        elif operation == Op.END:
            self._add(index, thread, MERGE, self._any_end)
        elif other != thread and (operation == Op.JOIN or not outcome):  # is_alive() said no
            self._add(index, thread, JOIN, other)

    def _channel(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        """Bytes have no clocks of their own: what is read comes after all writes so far, a write after all reads."""
        written, freed = self._of(target, "written"), self._of(target, "freed")
        if operation != Op.GET:
            self._add(index, thread, RECEIVE, freed)
            self._add(index, thread, MERGE, written)
        if operation != Op.PUT:
            self._add(index, thread, RECEIVE, written)
            self._add(index, thread, MERGE, freed)
        self._add(index, thread, MERGE, self._any_channel)

    def _channels(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        """``select``: the trace does not say which channels were ready."""
        self._add(index, thread, RECEIVE, self._any_channel)

    def _threads(self, index: int, thread: int, operation: int, target: int, outcome: int, extra: Any) -> None:
        """``enumerate`` and ``active_count``: who is gone has ended."""
        self._add(index, thread, RECEIVE, self._any_end)


def _held_shared(trace: Trace) -> set[int]:
    """The locks that somebody took in shared mode."""
    extras: list[Any] = trace.tables.extras
    modes = {index for index, extra in enumerate(extras) if type(extra) is dict and extra.get("mode") == "shared"}  # pyright: ignore[reportUnknownMemberType]
    return {target for *_, target, _, extra, _ in trace.rows() if extra in modes} if modes else set()


def _queues_looked_at(trace: Trace, objects: list[Any]) -> set[int]:
    """The queues that somebody asked for their size."""
    if not any(CLASS_OF_KIND.get(info.kind) == QUEUE for info in objects):
        return set()
    if len(trace) > SMALL:
        import numpy as np

        columns = trace.columns
        return set(np.unique(columns["object"][columns["operation"] == Op.ATOMIC]).tolist())
    return {target for _, operation, _, target, *_ in trace.rows() if operation == Op.ATOMIC}
