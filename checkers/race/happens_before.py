"""What orders the events of a trace: the trace as steps on vector clocks, and whether one event comes before another.

Knows neither what single primitives order (:mod:`edges` does) nor what an unordered pair means.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...simcore.trace import NOTHING, Trace
from .edges import Edges
from .vocabulary import CLASSES, FORK, JOIN, READ, RECEIVE, RESOLVE, SEND, SMALL, WRITE, Semaphores


@dataclass(frozen=True, slots=True)
class ClockSteps:
    """A trace as steps on clocks, in trace order; columns are NumPy arrays or, for small traces, lists.

    ``events`` holds the index of the event behind each step, ``operands`` a variable, a clock left behind (both
    numbered densely) or a thread. ``variables`` maps a variable's number to its object index.
    """

    events: Any
    threads: Any
    codes: Any
    operands: Any
    variables: list[int]
    wholes: list[int]
    """For each variable the container it is an item of, as a variable's number; -1 for all others."""
    clocks: int
    """How many clocks threads leave for each other."""
    width: int
    """How many threads there are."""

    def __len__(self) -> int:
        return len(self.codes)


def clock_steps(
    trace: Trace, *, locks: bool = True, semaphores: Semaphores | None = None, accesses: bool = True
) -> ClockSteps:
    """The edges and accesses of ``trace``.

    Edges are those of program order, threads, conditions (one clock a waiter: a notify orders only whom it woke),
    semaphores, events, barriers, queues (one clock an item, one a freed slot), futures and pools, and with ``locks``
    those of locks. A semaphore's permits have a clock each (``precise``), or one for all of them (``weak``: fewer
    alarms, more misses); without a wish the real world gets the weak form, since there two releases can be stamped in
    another order than they took effect. ``accesses`` leaves the memory accesses in.
    """
    if semaphores is None:
        semaphores = "weak" if trace.header.world == "real" else "precise"
    edges = Edges(trace, locks, semaphores)
    return _by_rows(trace, edges, accesses) if len(trace) <= SMALL else _by_columns(trace, edges, accesses)


def _by_rows(trace: Trace, edges: Edges, accesses: bool) -> ClockSteps:
    steps = edges.steps
    plain, classes, operands, own = edges.plain, edges.classes, edges.operands, edges.resolve
    extras = trace.tables.extras
    for index, (thread, operation, outcome, target, _, extra, _) in enumerate(trace.rows()):
        code = plain[operation * CLASSES + classes[target]]
        if code >= 0:
            if code > WRITE or accesses:
                steps.append((index, thread, code, operands[target]))
        elif code == RESOLVE:
            own(index, thread, operation, target, outcome, None if extra == NOTHING else extras[extra])
    columns: list[Any] = [list(column) for column in zip(*steps, strict=True)] or [[], [], [], []]
    return _made(columns, trace, edges)


def _by_columns(trace: Trace, edges: Edges, accesses: bool) -> ClockSteps:
    import numpy as np

    columns = trace.columns
    targets = columns["object"]
    # An event without an object has the index -1: the last entry of both tables stands for it.
    codes = np.array(edges.plain, np.int8)[
        columns["operation"].astype(np.int32) * CLASSES + np.array(edges.classes, np.int8)[targets]
    ]
    special = np.flatnonzero(codes == RESOLVE)
    extras = trace.tables.extras
    for index, (thread, operation, outcome, target, _, extra, _) in zip(
        special.tolist(), columns[special].tolist(), strict=True
    ):
        edges.resolve(index, thread, operation, target, outcome, None if extra == NOTHING else extras[extra])
    chosen = np.flatnonzero(codes >= (READ if accesses else SEND)).astype(np.int32)
    parts: list[Any] = [
        chosen,
        columns["thread"][chosen],
        codes[chosen],
        np.array(edges.operands, np.int32)[targets[chosen]],
    ]
    if edges.steps:
        resolved = np.array(edges.steps, np.int32)
        events = np.concatenate([chosen, resolved[:, 0]])
        order = np.argsort(events, kind="stable")
        parts = [
            np.concatenate([part, resolved[:, number].astype(part.dtype)])[order] for number, part in enumerate(parts)
        ]
    return _made(parts, trace, edges)


def _made(columns: list[Any], trace: Trace, edges: Edges) -> ClockSteps:
    events, threads, codes, operands = columns
    width = len(trace.tables.threads)
    return ClockSteps(events, threads, codes, operands, edges.variables, edges.wholes(), edges.clocks, width)


class Order:
    """Which of two events comes before the other, by the edges of :func:`clock_steps`; made in one pass over them.

    Holds a copy of a thread's clock for each time it received another one.
    """

    def __init__(self, steps: ClockSteps) -> None:
        self.steps = steps
        self._received: list[tuple[list[int], list[list[int]]]] = [([], []) for _ in range(steps.width)]
        self._counted: list[list[int]] = [[] for _ in range(steps.width)]
        """Per thread, after which events its own count went up."""
        self._follow()

    def _follow(self) -> None:
        steps = self.steps
        width = steps.width
        clocks = [[int(other == thread) for other in range(width)] for thread in range(width)]
        left: dict[int, list[int]] = {}
        for event, thread, code, operand in _synchronising(steps):
            mine = clocks[thread]
            if code == RECEIVE:
                found = left.get(operand)
                if found is not None:
                    self._receive(event, thread, mine, found)
            elif code == JOIN:
                self._receive(event, thread, mine, clocks[operand])
                self._count(event, operand, clocks[operand])
            else:
                if code == FORK:
                    self._receive(event, operand, clocks[operand], mine)
                elif code == SEND or operand not in left:
                    left[operand] = mine.copy()
                else:
                    left[operand] = [max(pair) for pair in zip(left[operand], mine, strict=True)]
                self._count(event, thread, mine)

    def _receive(self, event: int, thread: int, mine: list[int], other: list[int]) -> None:
        changed = False
        for place, count in enumerate(other):
            if count > mine[place]:
                mine[place] = count
                changed = True
        if changed:
            events, clocks = self._received[thread]
            events.append(event)
            clocks.append(mine.copy())

    def _count(self, event: int, thread: int, clock: list[int]) -> None:
        clock[thread] += 1
        self._counted[thread].append(event)

    def ordered(self, earlier: int, earlier_thread: int, later: int, later_thread: int) -> bool:
        """Does event ``earlier`` of one thread happen before event ``later`` of another (or the same)?"""
        if earlier_thread == later_thread:
            return earlier < later
        events, clocks = self._received[later_thread]
        place = bisect_right(events, later) - 1
        if place < 0:
            return False
        return clocks[place][earlier_thread] > bisect_left(self._counted[earlier_thread], earlier)


def _synchronising(steps: ClockSteps) -> Iterator[tuple[int, int, int, int]]:
    columns: list[Any] = [steps.events, steps.threads, steps.codes, steps.operands]
    if type(steps.codes) is not list:
        chosen = steps.codes > WRITE
        columns = [column[chosen].tolist() for column in columns]
    return (
        (event, thread, code, operand) for event, thread, code, operand in zip(*columns, strict=True) if code > WRITE
    )
