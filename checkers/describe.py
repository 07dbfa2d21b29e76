"""From a situation to what a report shows: thread states and the steps that matter.

Shared by every checker that reports an interleaving; it decides nothing about correctness.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..simcore.trace import NOTHING, Event, Op, Trace
from .finding import Hold, Step, ThreadState, Wait
from .holding import Situation

_STEPS_MAX = 40
"""Longer tables are cut in the middle: the first steps set the scene, the last ones are the failure."""


def thread_states(situation: Situation, threads: list[int]) -> list[ThreadState]:
    """State, holdings and wait of the given threads, in that order."""
    trace = situation.trace
    states: list[ThreadState] = []
    for thread in threads:
        blocked = situation.blocked.get(thread)
        holds = [Hold(trace.object_name(item), trace.at(place)) for item, place in situation.holds.get(thread, [])]
        wait = None
        if blocked is not None:
            wait = Wait(
                trace.object_name(blocked.object), blocked.operation, trace.at(blocked.location), blocked.detail
            )
        states.append(
            ThreadState(
                name=trace.thread_name(thread),
                state="blocked" if blocked else "terminated" if thread in situation.ended else "running",
                holds=holds,
                waits=wait,
            )
        )
    return states


def relevant_steps(situation: Situation, threads: set[int], objects: set[int]) -> list[Step]:
    """The steps that lead to the situation.

    Kept are, of the threads involved: what took the objects held now, the last step on each object waited for, and
    the final blocked requests; pairs of acquire and release that came and went are left out.
    """
    trace = situation.trace
    kept: list[Event] = []
    current = {(thread, item) for thread in threads for item, _ in situation.holds.get(thread, [])}
    events = list(trace)
    taken: set[tuple[int, int]] = set()
    last_touch: set[int] = set()
    for event in reversed(events):
        thread, target = event.thread, event.object
        if event.operation is Op.REQUEST:
            if thread in threads:
                kept.append(event)
        elif event.operation is Op.ACQUIRE and (thread, target) in current:
            if (thread, target) not in taken:
                taken.add((thread, target))
                kept.append(event)
        elif event.operation in (Op.RUN, Op.SUBMIT) and thread in threads:
            kept.append(event)
        elif target in objects and event.operation in _TELLING and len(last_touch) < _STEPS_MAX:
            last_touch.add(event.index)
            kept.append(event)
    kept.sort(key=lambda event: event.index)
    if len(kept) > _STEPS_MAX:
        kept = kept[: _STEPS_MAX // 4] + kept[-3 * _STEPS_MAX // 4 :]
    return [step(trace, event) for event in kept]


_TELLING = frozenset(
    {
        Op.PUT,
        Op.GET,
        Op.TASK_DONE,
        Op.WAIT,
        Op.WAKE,
        Op.NOTIFY,
        Op.TIMEOUT,
        Op.SET,
        Op.CLEAR,
        Op.ARRIVE,
        Op.SUBMIT,
        Op.RUN,
        Op.END,
    }
)


def step(trace: Trace, event: Event) -> Step:
    """One event as a row of the interleaving table."""
    extra: dict[str, Any] = event.extra or {}
    operation = event.operation.label
    if event.operation in (Op.REQUEST, Op.ATOMIC, Op.READ, Op.WRITE):
        operation = str(extra.get("operation", extra.get("access", operation)))
    return Step(
        step=event.index + 1,
        thread=trace.thread_name(event.thread),
        operation=operation,
        object="" if event.object == NOTHING or event.operation is Op.SLEEP else trace.object_name(event.object),
        at=trace.at(event.location),
        outcome="blocked" if event.operation is Op.REQUEST else str(extra.get("value", "")),
    )


def private_variables(trace: Trace) -> set[int]:
    """The variables that only one thread ever touched: nothing about them can matter to another."""
    threads: dict[int, set[int]] = {}
    for event in trace:
        if event.operation in (Op.READ, Op.WRITE, Op.ATOMIC) and event.object != NOTHING:
            info = trace.tables.objects[event.object]
            if info.kind in ("Variable", "Container"):
                threads.setdefault(event.object, set()).add(event.thread)
                if info.part_of != NOTHING:
                    threads.setdefault(info.part_of, set()).add(event.thread)
    return {
        index
        for index, who in threads.items()
        if len(who) == 1 and len(threads.get(trace.tables.objects[index].part_of, who)) == 1
    }


def switches(steps: list[Step]) -> int:
    """How often the shown interleaving changes from one thread to another."""
    return sum(1 for before, after in pairwise(steps) if before.thread != after.thread)
