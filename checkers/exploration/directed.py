"""Directed replay: steer the explored world along a predicted deadlock's witness, and see whether it is reached.

The second phase of DeadlockFuzzer (Joshi, Park, Sen, Naik, PLDI 2009), with a whole witness to follow instead of a
place to pause at. It knows witnesses and schedules; what a trace predicts is for checkers.lock_order to say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...simcore.explored import Execution, ExploredWorld, Outcome
from ...simcore.takeover import takeover
from ...simcore.target import Target
from ...simcore.threads import VirtualThread
from ...simcore.trace import NOTHING, Header, Op, Tables, Trace
from ...simcore.world import Operation
from ..finding import Finding
from ..lock_order import LockOrder, Predicted, find
from ..lock_order.report import same_waits
from .explore import (
    Budget,
    Problem,
    Recorded,
    _interruptible,
    _signature,
    _switches,
    _Watch,
    record,
    watchdog,
)

_NOT_STEPS = frozenset({Op.REQUEST, Op.FAIL})
"""Events that a recorder adds at the end of a trace; no thread moves in them."""
_MEMORY = frozenset({"Variable", "Container"})
"""Kinds whose accesses are steps in some executions and happen on the way to the next step in others."""
CONFIRMED_MAX = 20
"""How many predictions are replayed in one check: each costs two executions."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One event of a witness: who moves, how many events it has done before, what it does, whom it starts."""

    thread: int
    position: int
    op: Op
    memory: bool
    starts: int


def plan(trace: Trace, predicted: Predicted) -> list[Planned]:
    """The events of the witness in trace order."""
    objects = trace.tables.objects
    done = [0] * len(trace.tables.threads)
    planned: list[Planned] = []
    for event in trace:
        position = done[event.thread]
        done[event.thread] += 1
        if event.operation in _NOT_STEPS or position >= predicted.witness.done[event.thread]:
            continue
        kind, starts = "", NOTHING
        if event.object != NOTHING:
            kind = objects[event.object].kind
            starts = objects[event.object].thread if event.operation is Op.START else NOTHING
        memory = event.operation in (Op.READ, Op.WRITE) or kind in _MEMORY
        planned.append(Planned(event.thread, position, event.operation, memory, starts))
    return planned


def _touches_memory(operation: Operation) -> bool:
    return operation.op in (Op.READ, Op.WRITE) or operation.target.kind in _MEMORY


class Directed:
    """Follows a plan as long as the program does what it did; then lets the threads of the cycle go first, so that
    each runs into its blocking acquire, and goes on fairly.

    Threads are told apart as in the recorded trace: by who started them, since a witness leaves starts out and the
    numbers of later threads with them. Steps that commute with everything (start, begin, join) are taken by the world
    without asking, and accesses to variables may be no steps at all; both are ticked off when the thread has passed them.
    """

    name = "directed"

    def __init__(self, planned: list[Planned], cycle: tuple[int, ...]) -> None:
        self.planned = planned
        self.cycle = cycle
        self.diverged = False
        """The program did something else than in the trace: the rest of the plan is void."""
        self._next = 0
        self._left: dict[int, list[Planned]] = {}
        """Per thread of the trace what it has still to do, last first."""
        for event in reversed(planned):
            self._left.setdefault(event.thread, []).append(event)
        self._thread: dict[int, VirtualThread] = {}
        """Thread of the trace → thread of this execution."""
        self._number: dict[int, int] = {}
        """The other way round, by uid."""

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        if not self._thread:
            self._know(0, world.threads[0])
        while not self.diverged and self._next < len(self.planned):
            event = self.planned[self._next]
            left = self._left[event.thread]
            if not left or left[-1].position > event.position:
                self._next += 1
                continue
            thread = self._thread.get(event.thread)
            if thread is None or thread.pending is None:
                self.diverged = True
            elif left[-1].memory and not _touches_memory(thread.pending):
                left.pop()
            elif world.enabled(thread):
                return thread
            else:
                self.diverged = True
        for number in self.cycle:
            thread = self._thread.get(number)
            if thread is not None and thread in world.live and world.enabled(thread):
                return thread
        return world.continue_fairly(last, {})

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        if not self._thread:
            self._know(0, world.threads[0])
        left = self._left.get(self._number.get(thread.uid, NOTHING))
        if not left:
            return
        if not _touches_memory(operation):
            while left and left[-1].memory:
                left.pop()
        elif not left[-1].memory:
            return
        if left:
            event = left.pop()
            # A failed try or a time-out names its operation otherwise; the next steps tell whether that mattered.
            if not event.memory and event.op not in (operation.op, operation.failed_op):
                self.diverged = True
            if event.starts != NOTHING and isinstance(operation.target, VirtualThread):
                self._know(event.starts, operation.target)

    def _know(self, number: int, thread: VirtualThread) -> None:
        self._thread[number] = thread
        self._number[thread.uid] = number


def confirm(
    program: Callable[[], None],
    trace: Trace,
    predicted: Predicted,
    header: Header,
    *,
    target: Target | None = None,
    budget: Budget | None = None,
    accesses: bool = False,
) -> tuple[Problem, Recorded] | None:
    """Steer ``program`` along the witness; the schedule that deadlocks as predicted, or None when it did not.

    None leaves the prediction what it is: the program may decide otherwise when its values come in another order.

    Raises:
        Divergence: the program does not repeat its own steps.
        Interrupted: the user asked to stop.
    """
    budget = budget or Budget()
    strategy = Directed(plan(trace, predicted), tuple(part.thread for part in predicted.pattern))
    execution = _run(program, strategy, header.seed, budget)
    signature = _signature(execution)
    if signature is None or execution.outcome not in (Outcome.DEADLOCK, Outcome.STEP_LIMIT):
        return None
    index_of = {thread.uid: thread.index for thread in execution.threads}
    schedule = tuple(index_of[uid] for uid in execution.schedule)
    recorded = record(program, schedule, header, target=target, budget=budget, visible=_recorded(accesses))
    if not any(same_waits(found, predicted.finding) for found in recorded.findings):
        return None
    return Problem(schedule, execution.outcome, signature, _switches(list(schedule))), recorded


def _recorded(accesses: bool) -> frozenset[str] | None:
    """Accesses as events, and no access as a step: no group of variables is visible."""
    return frozenset() if accesses else None


def _run(program: Callable[[], None], strategy: Directed, seed: int, budget: Budget) -> Execution:
    watch = _Watch()
    with takeover(), _interruptible(watch), watchdog(watch, budget.stall_s):
        watch.world = world = ExploredWorld(strategy, max_steps=budget.max_steps, seed=seed)
        try:
            return world.run(program)
        finally:
            watch.world = None


@dataclass(slots=True)
class Forecast:
    """What one run of a program predicted. ``confirmed`` holds a row for each prediction that was reached, in the form
    in which failures are saved; ``findings`` holds all of them."""

    first: Recorded
    order: LockOrder
    confirmed: list[tuple[Finding, Problem, Recorded]] = field(
        default_factory=list["tuple[Finding, Problem, Recorded]"]
    )
    executions: int = 1
    steps: int = 0

    @property
    def findings(self) -> list[Finding]:
        return self.order.findings


def predict_and_confirm(
    program: Callable[[], None],
    header: Header,
    *,
    target: Target | None = None,
    budget: Budget | None = None,
    accesses: bool = False,
    length_max: int | None = None,
    confirmed_max: int = CONFIRMED_MAX,
) -> Forecast:
    """Run ``program`` once, fairly; predict deadlocks from that run's lock order; try to reach each of them.

    A finding that was reached becomes ``confirmed``, the others stay ``predicted``. With ``accesses`` the reads and
    writes of shared variables that rewritten code tells of are recorded too, and keep apart what a value keeps apart.

    Raises:
        Divergence: the program does not repeat its own steps.
        TargetError: it cannot be loaded or called.
        Interrupted: the user asked to stop.
    """
    loaded = len(sys.modules)
    first = record(program, (), header, target=target, budget=budget, visible=_recorded(accesses))
    if len(sys.modules) > loaded:  # what is imported for the first time does other steps than it does later
        first = record(program, (), header, target=target, budget=budget, visible=_recorded(accesses))
    order = find(first.trace, length_max=length_max).without(first.findings)
    forecast = Forecast(first, order, steps=first.execution.steps)
    reached: dict[tuple[int, ...], tuple[Problem, Recorded]] = {}
    names: dict[int, str] = {}
    for predicted in forecast.order.predicted[:confirmed_max]:
        found = confirm(program, first.trace, predicted, header, target=target, budget=budget, accesses=accesses)
        forecast.executions += 1
        if found is not None:
            reached[_key(predicted)] = found
            names |= _better_names(first.trace, predicted, found[1].findings)
            forecast.steps += found[1].execution.steps
    if names:
        forecast.order = find(_renamed(first.trace, names), length_max=length_max).without(first.findings)
    for predicted in forecast.order.predicted:
        if _key(predicted) in reached:
            finding = predicted.finding
            finding.certainty = "confirmed"
            finding.why += " Confirmed by replay: steered this way, the program deadlocked."
            forecast.confirmed.append((finding, *reached[_key(predicted)]))
    return forecast


def _key(predicted: Predicted) -> tuple[int, ...]:
    return tuple(instance.event for instance in predicted.witness.blocked)


def _better_names(trace: Trace, predicted: Predicted, findings: list[Finding]) -> dict[int, str]:
    """What the locks of a cycle are called in the deadlock: there the program's variables were all still in place, while
    at the end of a good run those of a script are gone."""
    places: dict[tuple[str, str], str] = {}
    for finding in findings:
        for state in finding.threads:
            places |= {(state.name, hold.at): hold.object for hold in state.holds}
    used = {info.name for info in trace.tables.objects}
    names: dict[int, str] = {}
    for part, instance in zip(predicted.pattern, predicted.witness.blocked, strict=True):
        for item in instance.holding:
            name = places.get((trace.thread_name(part.thread), trace.at(item.location)))
            if item.lock >= 0 and name is not None and name not in used:
                names[item.lock] = name
    return names if len(set(names.values())) == len(names) else {}


def _renamed(trace: Trace, names: dict[int, str]) -> Trace:
    tables = Tables()
    tables.extend(trace.tables.rows_after(0, 0, 0, 0))
    tables.objects = [replace(info, name=names.get(index, info.name)) for index, info in enumerate(tables.objects)]
    return Trace(trace.header, tables, note=trace.note, rows=trace.rows())
