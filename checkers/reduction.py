"""Which blocked threads can never move again, whatever the others do: the greedy reduction of the wait-for graph.

It judges a situation; it knows no world, and says nothing about who is to blame.
"""

from __future__ import annotations

from ..simcore.trace import NOTHING
from . import source
from .holding import OWNED_KINDS, PERMIT_KINDS, Blocked, Situation


def dead(situation: Situation, *, closed: bool = False) -> set[int]:
    """The blocked threads that nothing can wake any more.

    Holt's reduction (Holt 1972, Some Deadlock Properties of Computer Systems): who can proceed is let proceed and
    helps the others, until nobody more can. What stays is dead. Threads that run, sleep, look or wait with a time-out
    proceed by themselves. Unless ``closed`` (every thread that could ever act is in the trace, and none can move),
    somebody unknown is taken to be able to put, set, notify, arrive and give permits: a wait that anybody may end is
    never called dead, one for a lock whose owner is dead is.
    """
    alive = situation.begun - situation.ended - set(situation.blocked)
    somebody = bool(alive) or not closed
    blocked = set(situation.blocked)
    while True:
        freed = {thread for thread in blocked if _can_proceed(situation, situation.blocked[thread], alive, somebody)}
        if not freed:
            return blocked
        blocked -= freed
        alive |= freed
        somebody = True


def _can_proceed(situation: Situation, blocked: Blocked, alive: set[int], somebody: bool) -> bool:
    target = blocked.object
    info = situation.trace.tables.objects[target]
    if info.kind in OWNED_KINDS:
        owners = situation.holders(target)
        if not owners or alive.intersection(owners):
            return True
        return somebody and _anybody_may_release(situation, target, owners, blocked.thread)
    if info.kind in PERMIT_KINDS:
        holders = situation.holders(target)
        if alive.intersection(holders):
            return True
        is_pool = info.capacity > 0 and target not in situation.signals
        return somebody and not (is_pool and _permits_taken(situation, target) >= info.capacity)
    if info.kind == "Thread":
        return info.thread == NOTHING or info.thread not in situation.blocked or info.thread in alive
    if info.kind == "Future":
        return _task_can_go_on(situation, target, alive, somebody)
    if blocked.reachable_from is not None and somebody:
        return bool(alive.intersection(blocked.reachable_from))
    return somebody


def _anybody_may_release(situation: Situation, target: int, owners: list[int], wanting: int) -> bool:
    """A Lock may be released by any thread, and then it is a signal: CPython's own Condition waits on such locks.

    Held by itself or by a thread that has ended it is either that or a mistake; a ``with`` around it, or a release by
    the thread that took it, speaks for a mutex.
    """
    if target in situation.signals:
        return True
    if situation.trace.tables.objects[target].kind == "RLock" or target in situation.mutexes:
        return False
    if owners != [wanting] and not situation.ended.issuperset(owners):
        return False
    place = next(place for item, place in situation.holds[owners[0]] if item == target)
    return not source.has_word(situation.trace, place, "with")


def _permits_taken(situation: Situation, target: int) -> int:
    return sum(1 for held in situation.holds.values() for item, _ in held if item == target)


def _task_can_go_on(situation: Situation, future: int, alive: set[int], somebody: bool) -> bool:
    worker = situation.running_task.get(future)
    if worker is not None:
        return worker in alive
    pool = situation.trace.tables.objects[future].part_of
    if pool == NOTHING or future in situation.started_task:
        return somebody
    workers = situation.workers.get(pool, set())
    if alive & workers:
        return True
    return somebody and len(workers) < max(situation.trace.tables.objects[pool].capacity, 1)
