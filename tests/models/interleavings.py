"""The number of executions, counted without weft: every interleaving of a hand-written model, equivalent ones once.

Two interleavings are equivalent when every thread does the same steps and dependent steps come in the same order
(Mazurkiewicz). A model is a state and the steps that are possible in it; a critical section is one step, since only the
order of the sections can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

State = Any


class Step(NamedTuple):
    """One step: who does it, what can be seen of it, and the objects it touches; sharing one makes two dependent."""

    thread: str
    outcome: str
    touches: frozenset[str]
    after: State


Model = Callable[[State], Iterator[Step]]


def step(thread: str, outcome: str, touches: str, after: State) -> Step:
    return Step(thread, outcome, frozenset(touches.split()), after)


def dependent(one: Step, other: Step) -> bool:
    return one.thread == other.thread or bool(one.touches & other.touches)


def count(model: Model, start: State) -> int:
    """How many inequivalent interleavings run from ``start`` to a state without steps, deadlocks included."""
    ends: set[frozenset[Any]] = set()
    seen: set[frozenset[Any]] = set()
    todo: list[tuple[State, tuple[Step, ...]]] = [(start, ())]
    while todo:
        state, steps = todo.pop()
        order = canonical(steps)
        if order in seen:
            continue
        seen.add(order)
        choices = list(model(state))
        if not choices:
            ends.add(order)
        todo.extend((choice.after, (*steps, choice)) for choice in choices)
    return len(ends)


def canonical(steps: tuple[Step, ...]) -> frozenset[Any]:
    """The steps and the order of the dependent ones: equal for equivalent interleavings and only for them."""
    done: dict[str, int] = {}
    names: list[tuple[str, int]] = []
    for one in steps:
        names.append((one.thread, done.get(one.thread, 0)))
        done[one.thread] = names[-1][1] + 1
    order = {
        (names[first], names[second])
        for second in range(len(steps))
        for first in range(second)
        if dependent(steps[first], steps[second])
    }
    return frozenset(order | {(name, one.outcome) for name, one in zip(names, steps, strict=True)})


def put(items: tuple[str, ...], index: int, item: str) -> tuple[str, ...]:
    return (*items[:index], item, *items[index + 1 :])


def tasks(number: int) -> tuple[str, ...]:
    return tuple(str(task) for task in range(number))
