"""Starvation (L002): a thread that could have gone on again and again, but others always went first.

Reads a trace with times. Who waits for a lock in turn is never overtaken; who keeps losing the race for it, or for a
core, is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..simcore.trace import NOTHING, Event, Op, Trace
from .describe import step, switches
from .finding import Finding, ThreadState, Wait, fingerprint
from .holding import OWNED_KINDS, PERMIT_KINDS
from .priority import duration

OVERTAKEN_MIN = 50
"""How often others that asked later must have taken a lock during one wait for it. With fair coins instead of turns
that many in a row would be one chance in 10**15."""
SHARE_MIN = 0.25
"""How much of the whole run one wait for a lock must have lasted: less is contention, whoever wins it."""
READY_SHARE_MIN = 0.5
"""How much of the whole run a thread must have been ready without a core at one stretch."""
_SLICES_LATE = 100
"""How many time slices that must be, besides one for each thread, so that no fair queue explains it; some 0.3 s."""


@dataclass(slots=True)
class Turn:
    """One wait for a lock, by somebody who asked at ``request``."""

    request: Event
    overtaken: int = 0
    by: dict[int, int] = field(default_factory=dict[int, int])
    until_ns: int = 0
    first: Event | None = None


def find(trace: Trace) -> list[Finding]:
    """An L002 finding for each thread and lock, and for each thread without a core; thresholds are in the text.

    A trace without times shows none: there the order of threads is the tool's choice, not the program's fault.
    """
    end_ns = max((event.time_ns for event in trace if event.time_ns is not None), default=0)
    if not end_ns:
        return []
    begin_ns = next(event.time_ns for event in trace if event.time_ns is not None)
    assert begin_ns is not None
    whole_ns = end_ns - begin_ns
    return _at_locks(trace, whole_ns, end_ns) + _without_core(trace, whole_ns, end_ns)


def _at_locks(trace: Trace, whole_ns: int, end_ns: int) -> list[Finding]:
    objects = trace.tables.objects
    waiting: dict[int, dict[int, Turn]] = {}
    asked: dict[tuple[int, int], int] = {}
    worst: dict[tuple[int, int], Turn] = {}

    def over(target: int, thread: int, at_ns: int) -> None:
        wait = waiting.get(target, {}).pop(thread, None)
        if wait is None:
            return
        wait.until_ns = at_ns
        known = worst.get((thread, target))
        if known is None or wait.overtaken > known.overtaken:
            worst[thread, target] = wait

    for event in trace:
        target, thread, op = event.object, event.thread, event.operation
        if target == NOTHING or objects[target].kind not in OWNED_KINDS | PERMIT_KINDS:
            continue
        now_ns = event.time_ns or 0
        if op is Op.REQUEST:
            asked[thread, target] = event.index
            waiting.setdefault(target, {})[thread] = Turn(event)
        elif op is Op.ACQUIRE:
            since = asked.pop((thread, target), event.index)
            over(target, thread, now_ns)
            for wait in waiting.get(target, {}).values():
                if wait.request.index < since:
                    wait.overtaken += 1
                    wait.by[thread] = wait.by.get(thread, 0) + 1
                    wait.first = wait.first or event
        elif op in (Op.ACQUIRE_FAILED, Op.TIMEOUT):
            asked.pop((thread, target), None)
            over(target, thread, now_ns)
    for target, waits in waiting.items():
        for thread in [*waits]:
            over(target, thread, end_ns)
    return [
        _lock_finding(trace, wait, whole_ns)
        for wait in worst.values()
        if wait.overtaken >= OVERTAKEN_MIN and _waited(wait) >= SHARE_MIN * whole_ns
    ]


def _waited(wait: Turn) -> int:
    return wait.until_ns - (wait.request.time_ns or 0)


def _lock_finding(trace: Trace, wait: Turn, whole_ns: int) -> Finding:
    name = trace.object_name(wait.request.object)
    thread = trace.thread_name(wait.request.thread)
    others = [trace.thread_name(other) for other in sorted(wait.by, key=lambda other: -wait.by[other])]
    named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    at = trace.at(wait.request.location)
    share = round(100 * _waited(wait) / whole_ns)
    steps = [step(trace, event) for event in (wait.request, wait.first) if event is not None]
    function = trace.tables.locations[wait.request.location].function if wait.request.location >= 0 else ""
    return Finding(
        rule="L002",
        kind="starvation",
        certainty="observed",
        message=f"{thread} waited {duration(_waited(wait))} for {name} ({share} % of the run) while {named} took it "
        f"{wait.overtaken} times, having asked later",
        threads=[ThreadState(name=thread, state="blocked", waits=Wait(name, "acquire", at))],
        steps=steps,
        switches=switches(steps),
        why=f"Python's locks do not pass in turn: a thread that releases one and asks again at once is faster than the "
        f"one that has to be woken. Reported from {OVERTAKEN_MIN} times and {SHARE_MIN:.0%} of the run on.",
        suggestion="Do what needs no lock outside it, so that it is free for a while; or pass work through a queue.Queue.",
        fingerprint=fingerprint("L002", function, name),
    )


def _without_core(trace: Trace, whole_ns: int, end_ns: int) -> list[Finding]:
    """Threads that were ready for long while others were given a core again and again."""
    quantum_ns = int(trace.header.profile.get("quantum_ns", 0))
    if not quantum_ns:
        return []
    threads = len(trace.tables.threads)
    least_ns = max(READY_SHARE_MIN * whole_ns, (threads + _SLICES_LATE) * quantum_ns)
    since: dict[int, Event] = {}
    worst: dict[int, tuple[int, Event]] = {}

    def over(thread: int, at_ns: int) -> None:
        event = since.pop(thread, None)
        if event is not None and event.time_ns is not None:
            waited_ns = at_ns - event.time_ns
            if waited_ns >= least_ns and waited_ns > worst.get(thread, (0, event))[0]:
                worst[thread] = (waited_ns, event)

    for event in trace:
        if event.operation in (Op.READY, Op.PREEMPT) and event.object == NOTHING:
            since.setdefault(event.thread, event)
        elif event.operation is Op.RUN and event.object == NOTHING:
            over(event.thread, event.time_ns or 0)
    for thread in [*since]:
        over(thread, end_ns)
    found: list[Finding] = []
    for thread, (waited_ns, event) in sorted(worst.items()):
        name = trace.thread_name(thread)
        steps = [step(trace, event)]
        found.append(
            Finding(
                rule="L002",
                kind="starvation",
                certainty="observed",
                message=f"{name} was ready for {duration(waited_ns)} ({round(100 * waited_ns / whole_ns)} % of the run) "
                "and was not given a core",
                threads=[ThreadState(name=name, state="ready")],
                steps=steps,
                switches=0,
                why="More important threads kept every core busy. Reported when a thread is ready at one stretch for "
                f"{READY_SHARE_MIN:.0%} of the run, and for longer than any fair queue would make it wait.",
                suggestion="Let the important threads wait or sleep now and then, or raise this one's priority.",
                fingerprint=fingerprint("L002", name, "core"),
            )
        )
    return found
