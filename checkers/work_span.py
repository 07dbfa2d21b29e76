"""Work and span of a timed run: how much there is to compute, and the longest chain of it that nothing can shorten.

Reads what threads did and what orders it; knows nothing of waiting, which is in neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..simcore.trace import NOTHING, Op, Trace
from .race.happens_before import clock_steps
from .race.vocabulary import FORK, JOIN, MERGE, RECEIVE, SEND
from .tenures import HELD_KINDS
from .timed_states import History, Stretch


@dataclass(frozen=True, slots=True)
class WorkSpan:
    """In nanoseconds; see :class:`weft.simcore.laws.CriticalPathBound`. ``gil_ns`` is what was computed with the GIL."""

    work_ns: int
    span_ns: int
    gil_ns: int


def work_and_span(trace: Trace, histories: Mapping[int, History], signals: set[int]) -> WorkSpan:
    """Of a trace with scheduler events.

    The chains are those of program order and of everything by which threads tell each other something: start and
    join, queues, events, conditions, barriers, futures. Locks and semaphores are left out, since in which order critical
    sections are entered is the scheduler's choice, unless they are ``signals``: released by others than took them. A
    chain's length is what its threads compute and sleep; who takes which task of a queue is as it was in this run.
    """
    busy = _Busy(histories)
    rows, objects = trace.rows(), trace.tables.objects
    chains: dict[int, int] = {}
    left: dict[int, int] = {}

    def chain_of(thread: int, now_ns: int) -> int:
        chain = chains[thread] = chains.get(thread, 0) + busy.since(thread, now_ns)
        return chain

    for event, thread, code, operand in _steps(trace):
        target, now_ns = rows[event][3], max(rows[event][-1], 0)
        if target != NOTHING and objects[target].kind in HELD_KINDS and target not in signals:
            continue
        chain = chain_of(thread, now_ns)
        if code == RECEIVE:
            chains[thread] = max(chain, left.get(operand, 0))
        elif code == JOIN:
            chains[thread] = max(chain, chain_of(operand, now_ns))
        elif code == FORK:
            chains[operand] = max(chain, chains.get(operand, 0))
        elif code == SEND:
            left[operand] = chain
        elif code == MERGE:
            left[operand] = max(chain, left.get(operand, 0))
    needed = [thread for thread in histories if not trace.tables.threads[thread].daemon]
    longest = max((chains.get(thread, 0) + busy.rest(thread) for thread in needed), default=0)
    work_ns = sum(stretch.end_ns - stretch.start_ns for history in histories.values() for stretch in _running(history))
    return WorkSpan(work_ns, longest, _with_gil(trace, histories))


def _steps(trace: Trace) -> Iterator[tuple[int, int, int, int]]:
    steps = clock_steps(trace, semaphores="precise", accesses=False)
    columns: list[Any] = [steps.events, steps.threads, steps.codes, steps.operands]
    if type(steps.codes) is not list:
        columns = [column.tolist() for column in columns]
    return zip(*columns, strict=True)


def _running(history: History) -> list[Stretch]:
    return [stretch for stretch in history.stretches if stretch.doing == "running"]


class _Busy:
    """How long each thread computed and slept, asked for in order of time."""

    def __init__(self, histories: Mapping[int, History]) -> None:
        self._stretches = {
            thread: [stretch for stretch in history.stretches if stretch.doing in ("running", "sleeping")]
            for thread, history in histories.items()
        }
        self._position = dict.fromkeys(histories, 0)
        self._asked_ns = dict.fromkeys(histories, 0)

    def since(self, thread: int, until_ns: int) -> int:
        """Since it was asked for this thread last."""
        stretches = self._stretches.get(thread, [])
        position, asked_ns = self._position.get(thread, 0), self._asked_ns.get(thread, 0)
        found = 0
        while position < len(stretches) and stretches[position].start_ns < until_ns:
            stretch = stretches[position]
            found += max(min(stretch.end_ns, until_ns) - max(stretch.start_ns, asked_ns), 0)
            if stretch.end_ns > until_ns:
                break
            position += 1
        self._position[thread], self._asked_ns[thread] = position, max(asked_ns, until_ns)
        return found

    def rest(self, thread: int) -> int:
        stretches = self._stretches.get(thread, [])
        return self.since(thread, stretches[-1].end_ns) if stretches else 0


def _with_gil(trace: Trace, histories: Mapping[int, History]) -> int:
    """Where a thread had the GIL, less the time it was off its core with it."""
    busy = _Busy({thread: History(_running(history)) for thread, history in histories.items()})
    since: set[int] = set()
    total = now_ns = 0
    for thread, op, *_, time_ns in trace.rows():
        now_ns = max(now_ns, time_ns)
        if op == Op.GIL_ACQUIRE:
            busy.since(thread, now_ns)
            since.add(thread)
        elif op == Op.GIL_RELEASE and thread in since:
            since.discard(thread)
            total += busy.since(thread, now_ns)
    return total + sum(busy.rest(thread) for thread in since)
