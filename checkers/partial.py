"""Partial deadlocks, cheaply: is there a cycle of waits among the threads that are left, while or after others go on?

It looks at pending operations, not at a trace, so that an exploration can ask at the end of every execution (or at
every block); :func:`deadlock.find` with ``all_stuck=False`` says the rest from the trace of a repetition.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..simcore.threads import VirtualThread


def cycle(threads: Iterable[VirtualThread]) -> tuple[tuple[int, str, int], ...]:
    """The first cycle of waits among ``threads``: (thread uid, operation, object uid) of each, by uid; empty when none.

    Only waits without time-out for exactly one thread count (a lock's owner, a thread to join), so a cycle of them is
    a deadlock whatever other threads do. Costs a few operations for each thread that is blocked. May be asked during an
    execution and after it, until the world is dissolved: who was left keeps its pending operation.
    """
    following: dict[VirtualThread, VirtualThread] = {}
    for thread in threads:
        operation = thread.pending
        if operation is None or operation.timeout is not None or operation.ready(thread):
            continue
        wakers = operation.wakers()
        if wakers is not None and len(wakers) == 1 and (wakers[0] is not thread or operation.target.kind != "Lock"):
            following[thread] = wakers[0]
    done: set[VirtualThread] = set()
    for start in following:
        walk: list[VirtualThread] = []
        thread: VirtualThread | None = start
        while thread is not None and thread not in done:
            done.add(thread)
            walk.append(thread)
            thread = following.get(thread)
        if thread is not None and thread in walk:
            members = sorted(walk[walk.index(thread) :], key=lambda member: member.uid)
            return tuple((member.uid, _operation(member), _target(member)) for member in members)
    return ()


def suspects(threads: Iterable[VirtualThread]) -> tuple[tuple[int, str, int], ...]:
    """What makes an execution that reached its step limit worth recording: a cycle, else waits without time-out of
    threads that keep the program from ending. Whether nobody can end those, the trace of a repetition shows
    (``reachable`` in its requests); most often somebody can."""
    threads = list(threads)
    return cycle(threads) or tuple(
        sorted(
            (thread.uid, _operation(thread), _target(thread))
            for thread in threads
            if (operation := thread.pending) is not None
            and not thread.daemon
            and operation.timeout is None
            and not operation.ready(thread)
            and operation.wakers() is None
        )
    )


def _operation(thread: VirtualThread) -> str:
    return "" if thread.pending is None else thread.pending.label


def _target(thread: VirtualThread) -> int:
    return -1 if thread.pending is None else thread.pending.target.uid
