"""Who holds what and who waits for what at the end of a trace: the situation that deadlock checkers judge.

Reads a trace of any world; knows no scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..simcore.trace import NOTHING, Event, Op, Trace

OWNED_KINDS = frozenset({"Lock", "RLock"})
PERMIT_KINDS = frozenset({"Semaphore", "BoundedSemaphore"})
MACHINE_OPS = frozenset({Op.READY, Op.PREEMPT, Op.BLOCK, Op.GIL_ACQUIRE, Op.GIL_RELEASE, Op.GIL_REQUEST, Op.COMPUTE})
"""What the timed world's machine does with a thread: no step of the program, so a request before them still stands."""


@dataclass(slots=True)
class Blocked:
    """A thread whose last event is a request that was never granted."""

    thread: int
    object: int
    location: int
    operation: str
    detail: str
    event: int
    reachable_from: tuple[int, ...] | None = None
    """The living threads whose variables lead to the object; None where nobody looked, or where any code can reach it."""


@dataclass(slots=True)
class Situation:
    """The end of a trace. ``holds`` maps a thread to (object, location) pairs in the order they were taken."""

    trace: Trace
    holds: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    blocked: dict[int, Blocked] = field(default_factory=dict)
    ended: set[int] = field(default_factory=lambda: set[int]())
    begun: set[int] = field(default_factory=lambda: set[int]())
    running_task: dict[int, int] = field(default_factory=dict)
    """Future → worker thread, for tasks that began and did not finish."""
    started_task: set[int] = field(default_factory=lambda: set[int]())
    workers: dict[int, set[int]] = field(default_factory=dict)
    """Pool → threads that ever ran one of its tasks."""
    looking: set[int] = field(default_factory=lambda: set[int]())
    """Threads that could not move at the end and yet wait for nobody: a time-out, a sleep or a try ends by itself."""
    signals: set[int] = field(default_factory=lambda: set[int]())
    """Locks and semaphores that somebody released who had not taken them: anybody may end a wait for one of them."""
    mutexes: set[int] = field(default_factory=lambda: set[int]())
    """Those that somebody released who had taken them."""

    def holders(self, target: int) -> list[int]:
        return [thread for thread, held in self.holds.items() if any(item == target for item, _ in held)]

    def waits_for(self, blocked: Blocked) -> list[int]:
        """The living threads that could wake it, when the object says who they are; empty when anybody could, or nobody."""
        info = self.trace.tables.objects[blocked.object]
        if info.kind in OWNED_KINDS or info.kind in PERMIT_KINDS:
            return [holder for holder in self.holders(blocked.object) if holder not in self.ended]
        if info.kind == "Thread":
            return [] if info.thread == NOTHING else [info.thread]
        if info.kind == "Future" and blocked.object in self.running_task:
            return [self.running_task[blocked.object]]
        return []


def read(trace: Trace) -> Situation:
    """Walk the trace once and return its end."""
    situation = Situation(trace)
    last: dict[int, Event] = {}
    objects = trace.tables.objects
    for event in trace:
        thread, target = event.thread, event.object
        held = situation.holds.setdefault(thread, [])
        situation.begun.add(thread)
        op = event.operation
        if op is not Op.FAIL and op not in MACHINE_OPS and not (op is Op.RUN and target == NOTHING):
            last[thread] = event
        if target == NOTHING and op is not Op.END:
            continue
        if op is Op.ACQUIRE and objects[target].kind in OWNED_KINDS | PERMIT_KINDS:
            held.append((target, event.location))
        elif op is Op.RELEASE:
            taken = any(item == target for item, _ in held)
            (situation.mutexes if taken else situation.signals).add(target)
            details: dict[str, Any] = event.extra or {}
            for _ in range(details.get("count", 1)):
                _drop(situation, thread, target)
        elif op is Op.WAIT and objects[target].part_of != NOTHING:
            for _ in range(max(sum(item == objects[target].part_of for item, _ in held), 1)):
                _drop(situation, thread, objects[target].part_of)  # however often it was taken
        elif op is Op.END:
            situation.ended.add(thread)
        elif op is Op.RUN and target != NOTHING and objects[target].kind == "Future":
            situation.running_task[target] = thread
            situation.started_task.add(target)
            situation.workers.setdefault(objects[target].part_of, set()).add(thread)
        elif op is Op.SET and target != NOTHING and objects[target].kind == "Future":
            situation.running_task.pop(target, None)
    for thread, event in last.items():
        if event.operation is Op.REQUEST and thread not in situation.ended:
            extra: dict[str, Any] = event.extra or {}
            if extra.get("alive"):
                situation.looking.add(thread)
                continue
            situation.blocked[thread] = Blocked(
                thread,
                event.object,
                event.location,
                str(extra.get("operation", "wait")),
                str(extra.get("detail", "")),
                event.index,
                None if "reachable" not in extra else tuple(extra["reachable"]),
            )
    return situation


def _drop(situation: Situation, thread: int, target: int) -> None:
    """A release: take the object from the releasing thread, or from whoever holds it (locks may be handed over)."""
    for owner in (thread, *situation.holds):
        held = situation.holds.get(owner, [])
        for position in range(len(held) - 1, -1, -1):
            if held[position][0] == target:
                del held[position]
                return
