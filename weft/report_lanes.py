"""From a trace to lanes: what each thread was doing, when, and which locks it held.

The timeline of the report and the Perfetto export both draw these; nothing here knows how they look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, cast

from .simcore.trace import NOTHING, Event, Op, Trace

OWNED_KINDS = frozenset({"Lock", "RLock", "Semaphore", "BoundedSemaphore"})


class Doing(Enum):
    """What a thread is doing; the value is its name for readers."""

    RUNNING = "running"
    READY = "ready"
    BLOCKED = "blocked"
    GIL = "gil wait"
    JOIN = "join wait"
    """Waiting for a thread or a task to finish: nothing is contended for."""
    SLEEPING = "sleeping"
    ACTIVE = "running or ready"
    """Not told apart: a real run, or a simulated one recorded without the scheduler's moves."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one thread's time, in nanoseconds. ``about`` is the operation and object it waits in and for."""

    start: int
    end: int
    doing: Doing
    about: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something at one point in time: a user mark or a failure."""

    time: int
    text: str
    failure: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One thread of a timed or real trace; the intervals follow each other and never overlap."""

    thread: str
    intervals: list[Interval]
    moments: list[Moment]
    thread_index: int = NOTHING
    """Its row in the trace's table of threads."""


@dataclass(frozen=True, slots=True)
class Logical:
    """One step of a thread in an explored trace. ``kind`` is ``take``, ``give``, ``blocked``, ``fail`` or ``other``."""

    step: int
    operation: str
    object: str
    at: str
    kind: str


@dataclass(frozen=True, slots=True)
class Held:
    """An object held from one step to another; ``end`` is the trace's length when it was never given back."""

    start: int
    end: int
    object: str
    level: int
    """The lowest row free when it was taken: holds of one thread on one level never overlap."""
    target: int
    """Its index in the object table."""


@dataclass(frozen=True, slots=True)
class StepLane:
    """One thread of an explored trace."""

    thread: str
    steps: list[Logical]
    holds: list[Held]
    thread_index: int = NOTHING
    """Its row in the trace's table of threads."""


def end_ns(trace: Trace) -> int:
    """The time of the last event, and at least 1."""
    return max(int(trace.columns["time_ns"].max()), 1) if len(trace) else 1


def first_ns(trace: Trace) -> int:
    """The time of the first event that has one; 0 without any."""
    times = trace.columns["time_ns"]
    return int(times[times >= 0].min(initial=end_ns(trace))) if (times >= 0).any() else 0


def moved(lane: Lane, origin_ns: int) -> Lane:
    """The lane with its times counted from ``origin_ns``."""
    if not origin_ns:
        return lane
    return replace(
        lane,
        intervals=[replace(each, start=each.start - origin_ns, end=each.end - origin_ns) for each in lane.intervals],
        moments=[replace(each, time=each.time - origin_ns) for each in lane.moments],
    )


def label(trace: Trace, event: Event) -> str:
    """How a report names the event's operation: a blocked request by what it asks for."""
    if event.operation in (Op.REQUEST, Op.BLOCK):
        return str(_details(event).get("operation", event.operation.label))
    return event.operation.label


def _details(event: Event) -> dict[str, Any]:
    """The event's extra when it is a JSON object, else an empty one."""
    return cast(dict[str, Any], event.extra) if isinstance(event.extra, dict) else {}


_SCHEDULER = {
    Op.READY: Doing.READY,
    Op.PREEMPT: Doing.READY,
    Op.RUN: Doing.RUNNING,
    Op.GIL_REQUEST: Doing.GIL,
    Op.BLOCK: Doing.BLOCKED,
    Op.SLEEP: Doing.SLEEPING,
}
_WAITS_UNTIL_NEXT = {("Condition", Op.WAIT), ("Barrier", Op.ARRIVE)}
"""Operations that are logged when the wait begins, without a request of their own."""


def lanes(trace: Trace) -> list[Lane]:
    """The lanes of a timed or real trace, in the order of the thread table; threads that never moved have none."""
    by_thread: dict[int, list[Event]] = {}
    scheduled = False
    for event in trace:
        by_thread.setdefault(event.thread, []).append(event)
        scheduled = scheduled or (event.operation in (Op.RUN, Op.READY) and event.object == NOTHING)
    until = end_ns(trace)
    read = _scheduled if scheduled else _observed
    return [
        Lane(trace.thread_name(thread), read(trace, events, until), _moments(events), thread)
        for thread, events in sorted(by_thread.items())
    ]


def _moments(events: list[Event]) -> list[Moment]:
    found: list[Moment] = []
    for event in events:
        if event.operation is Op.MARK:
            found.append(Moment(event.time_ns or 0, str(event.extra)))
        elif event.operation is Op.FAIL:
            extra = _details(event)
            text = f"{extra.get('type', 'failure')}: {extra.get('message', '')}".rstrip(": ")
            found.append(Moment(event.time_ns or 0, text, True))
    return found


class _Stretches:
    """Closes one interval when the next begins."""

    __slots__ = ("_about", "_at", "_doing", "_since", "found")

    def __init__(self) -> None:
        self.found: list[Interval] = []
        self._doing: Doing | None = None
        self._since = 0
        self._about = self._at = ""

    def enter(self, time: int, doing: Doing | None, about: str = "", at: str = "") -> None:
        if doing is self._doing and about == self._about:
            return
        time = max(time, self._since)
        if self._doing is not None and time > self._since:
            self.found.append(Interval(self._since, time, self._doing, self._about, self._at))
        self._doing = doing
        self._since = time
        self._about, self._at = about, at


def _wait(trace: Trace, event: Event) -> str:
    operation = label(trace, event)
    name = trace.object_name(event.object)
    if operation in ("request", "block"):
        return f"waiting for {name}"
    return f"{operation} of {name}" if name else operation


def _kind_of_wait(trace: Trace, event: Event) -> Doing:
    finishing = event.object != NOTHING and trace.tables.objects[event.object].kind in ("Thread", "Future")
    return Doing.JOIN if finishing else Doing.BLOCKED


def _scheduled(trace: Trace, events: list[Event], until: int) -> list[Interval]:
    """The simulated machine wrote every change of state down."""
    stretches = _Stretches()
    for event in events:
        time = event.time_ns or 0
        if event.operation is Op.END:
            stretches.enter(time, None)
            return stretches.found
        doing = _SCHEDULER.get(event.operation)
        if doing is None or (event.operation is Op.RUN and event.object != NOTHING):
            continue
        if doing is Doing.BLOCKED:
            stretches.enter(time, _kind_of_wait(trace, event), _wait(trace, event), trace.at(event.location))
        else:
            stretches.enter(time, doing)
    stretches.enter(until, None)
    return stretches.found


def _observed(trace: Trace, events: list[Event], until: int) -> list[Interval]:
    """Only the thread's own operations are known: it waits from a request to its next event."""
    stretches = _Stretches()
    for event, following in zip(events, [*events[1:], None], strict=True):
        time = event.time_ns or 0
        next_time = until if following is None else following.time_ns or 0
        kind = "" if event.object == NOTHING else trace.tables.objects[event.object].kind
        if event.operation is Op.END:
            stretches.enter(time, None)
            return stretches.found
        if event.operation is Op.REQUEST or (kind, event.operation) in _WAITS_UNTIL_NEXT:
            stretches.enter(time, _kind_of_wait(trace, event), _wait(trace, event), trace.at(event.location))
        elif event.operation is Op.SLEEP:
            stretches.enter(time, Doing.SLEEPING, "", trace.at(event.location))
            stretches.enter(min(time + _sleep_ns(event), next_time), Doing.ACTIVE)
        else:
            stretches.enter(time, Doing.ACTIVE)
    stretches.enter(until, None)
    return stretches.found


def _sleep_ns(event: Event) -> int:
    extra = _details(event)
    return int(extra["ns"]) if "ns" in extra else round(float(extra.get("seconds", 0)) * 1e9)


_TAKES = frozenset({Op.ACQUIRE, Op.GET, Op.WAKE, Op.RUN, Op.RESULT, Op.JOIN})
_GIVES = frozenset({Op.RELEASE, Op.PUT, Op.NOTIFY, Op.SET, Op.TASK_DONE, Op.SUBMIT, Op.START})


def step_lanes(trace: Trace) -> list[StepLane]:
    """The lanes of an explored trace: steps count from 1, as in the findings."""
    found: dict[int, StepLane] = {}
    holding: dict[int, list[Held]] = {}
    for event in trace:
        lane = found.setdefault(event.thread, StepLane(trace.thread_name(event.thread), [], [], event.thread))
        name, step = trace.object_name(event.object), event.index + 1
        lane.steps.append(Logical(step, label(trace, event), name, trace.at(event.location), _kind(event.operation)))
        if event.object == NOTHING or trace.tables.objects[event.object].kind not in OWNED_KINDS:
            continue
        if event.operation is Op.ACQUIRE:
            held = holding.setdefault(event.thread, [])
            level = next(level for level in range(len(held) + 1) if all(other.level != level for other in held))
            held.append(Held(step, NOTHING, name, level, event.object))
        elif event.operation is Op.RELEASE:
            _give_back(found, holding, event)
    for thread, held in holding.items():
        found[thread].holds.extend(replace(hold, end=len(trace) + 1) for hold in held)
    return [lane for _, lane in sorted(found.items())]


def _give_back(found: dict[int, StepLane], holding: dict[int, list[Held]], event: Event) -> None:
    """A release ends the releasing thread's hold, else that of whoever holds it: locks may be released by others."""
    for owner in (event.thread, *holding):
        held = holding.get(owner, [])
        for position in range(len(held) - 1, -1, -1):
            if held[position].target == event.object:
                found[owner].holds.append(replace(held.pop(position), end=event.index + 1))
                return


def _kind(operation: Op) -> str:
    if operation is Op.REQUEST:
        return "blocked"
    if operation is Op.FAIL:
        return "fail"
    return "take" if operation in _TAKES else "give" if operation in _GIVES else "other"


@dataclass(frozen=True, slots=True)
class Mixture:
    """Neighbouring intervals too short to see one by one: how long each state lasted in all, in nanoseconds."""

    start: int
    end: int
    time_in: dict[Doing, int]


def condensed(lane: Lane, resolution: int) -> tuple[list[Interval], list[Mixture]]:
    """The lane with runs of intervals shorter than ``resolution`` nanoseconds taken together, none longer than that."""
    intervals: list[Interval] = []
    mixtures: list[Mixture] = []
    run: list[Interval] = []

    def close() -> None:
        if len(run) > 1:
            time_in = {doing: sum(part.end - part.start for part in run if part.doing is doing) for doing in Doing}
            mixtures.append(
                Mixture(run[0].start, run[-1].end, {doing: time for doing, time in time_in.items() if time})
            )
        else:
            intervals.extend(run)
        run.clear()

    for interval in lane.intervals:
        if run and (run[-1].end != interval.start or interval.end - run[0].start > resolution):
            close()
        if interval.end - interval.start < resolution:
            run.append(interval)
        else:
            close()
            intervals.append(interval)
    close()
    return intervals, mixtures
