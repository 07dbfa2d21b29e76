"""Who could ever have woken a waiting thread: by what was seen to happen to the object, or to others made beside it.

History only says who did it; that nobody else ever could is for the wait-for graph and the exploration to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..simcore.trace import NOTHING, Event, ObjectInfo, Op, Trace
from .holding import OWNED_KINDS, PERMIT_KINDS, Blocked, Situation

_QUEUES = frozenset({"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"})
_NAMED_MAX = 3
"""How many wakers a report names."""


@dataclass(frozen=True, slots=True)
class Waking:
    """What ends a wait: the operations, and the words for them (``puts``, ``put into it``)."""

    operations: frozenset[Op]
    never: str
    did: str


@dataclass(frozen=True, slots=True)
class Waker:
    """A thread that did what would end the wait, and where it did so last.

    ``same`` tells the object itself from others of its kind made at the same place; ``elsewhere`` is True when it was
    seen in another execution only, and ``thread`` is then -1.
    """

    name: str
    thread: int
    event: int
    at: str
    same: bool = True
    elsewhere: bool = False


def waking(kind: str, operation: str) -> Waking:
    """What ends ``operation`` on an object of ``kind``."""
    if kind in _QUEUES:
        if operation.endswith("put"):
            return Waking(frozenset({Op.GET, Op.CLOSE}), "takes anything out of it", "took from it")
        if operation.endswith("join"):
            return Waking(frozenset({Op.TASK_DONE}), "calls task_done() on it", "called task_done()")
        return Waking(frozenset({Op.PUT, Op.CLOSE}), "puts anything into it", "put into it")
    if kind == "Condition":
        return Waking(frozenset({Op.NOTIFY}), "notifies it", "notified it")
    if kind == "Barrier":
        return Waking(frozenset({Op.ARRIVE, Op.WAIT, Op.ABORT}), "else arrives at it", "arrived at it")
    if kind in PERMIT_KINDS | OWNED_KINDS:
        return Waking(frozenset({Op.RELEASE}), "releases it", "released it")
    if kind == "Future":
        return Waking(frozenset({Op.SET, Op.CANCEL}), "sets its result", "completed it")
    if kind in ("Pipe", "Socket"):
        if operation.endswith(("write", "send")):
            return Waking(frozenset({Op.GET, Op.CLOSE}), "reads from it", "read from it")
        return Waking(frozenset({Op.PUT, Op.CLOSE}), "writes to it or closes it", "wrote to it")
    if kind == "Channels":
        return Waking(frozenset({Op.PUT, Op.GET, Op.CLOSE}), "makes one of them ready", "used it")
    if kind == "Futures":
        return Waking(frozenset({Op.SET, Op.CANCEL}), "completes them", "completed it")
    if kind == "Thread":
        return Waking(frozenset({Op.END}), "ends", "ended")
    return Waking(frozenset({Op.SET}), "calls set() on it", "set it")


def wakers(
    trace: Trace, target: int, operation: str, others: Sequence[Trace] = (), *, but: int = NOTHING
) -> list[Waker]:
    """The threads that did what ends ``operation`` on object ``target``, those on the object itself first.

    Args:
        others: traces of other executions of the program; there the object is the one of its kind, name and place.
        but: a thread that does not count, the waiting one.
    """
    tables = trace.tables
    info = tables.objects[target]
    operations = waking(info.kind, operation).operations
    last: dict[tuple[bool, int], Event] = {}
    for event in trace:
        if event.operation in operations and event.thread != but and event.object != NOTHING:
            same = event.object == target
            if same or _made_beside(info, tables.objects[event.object]):
                last[same, event.thread] = event
    found = [
        Waker(trace.thread_name(thread), thread, event.index, trace.at(event.location), same)
        for (same, thread), event in sorted(last.items(), key=lambda row: (not row[0][0], -row[1].index))
        if same or (True, thread) not in last
    ]
    known = {waker.name for waker in found}
    for other in others:
        for name, at in _in_another(trace, other, target, operations):
            if name not in known and name != (trace.thread_name(but) if but != NOTHING else ""):
                known.add(name)
                found.append(Waker(name, NOTHING, NOTHING, at, elsewhere=True))
    return found


def _made_beside(info: ObjectInfo, other: ObjectInfo) -> bool:
    return info.site != NOTHING and other.site == info.site and other.kind == info.kind


def _in_another(trace: Trace, other: Trace, target: int, operations: frozenset[Op]) -> list[tuple[str, str]]:
    info, site = trace.tables.objects[target], trace.at(trace.tables.objects[target].site)
    twins = {
        index
        for index, row in enumerate(other.tables.objects)
        if (row.kind, row.name, other.at(row.site)) == (info.kind, info.name, site)
    }
    return [
        (other.thread_name(event.thread), other.at(event.location))
        for event in other
        if event.operation in operations and event.object in twins
    ]


def sentence(situation: Situation, blocked: Blocked, others: Sequence[Trace] = ()) -> str:
    """Who could have ended the wait, in one sentence for a report: ``producer last put into it at x.py:5 and has ended``."""
    trace = situation.trace
    info = trace.tables.objects[blocked.object]
    words = waking(info.kind, blocked.operation)
    found = wakers(trace, blocked.object, blocked.operation, others, but=blocked.thread)
    own = [waker for waker in found if waker.same and not waker.elsewhere]
    if own:
        parts = [f"{waker.name} last {words.did} at {waker.at}{_since(situation, waker)}" for waker in own[:_NAMED_MAX]]
        more = f"; {len(own) - _NAMED_MAX} other threads did too" if len(own) > _NAMED_MAX else ""
        return "; ".join(parts) + more + "."
    mine = any(
        event.operation in words.operations and event.object == blocked.object and event.thread == blocked.thread
        for event in trace
    )
    if mine:
        text = f"Only {trace.thread_name(blocked.thread)} itself {words.did}, before"
    elif found and found[0].elsewhere:
        return f"Here nobody {words.never}; in another schedule {found[0].name} {words.did} at {found[0].at}."
    else:
        text = f"Nobody ever {words.never}"
    if found:
        text += f"; {found[0].name} {words.did.replace(' it', ' another one made there', 1)} at {found[0].at}"
    return f"{text}."


def _since(situation: Situation, waker: Waker) -> str:
    if waker.thread in situation.ended:
        return " and has ended"
    blocked = situation.blocked.get(waker.thread)
    if blocked is None:
        return " and goes on"
    name = situation.trace.object_name(blocked.object)
    return f" and waits itself ({blocked.operation} {name})"
