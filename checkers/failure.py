"""Exceptions that no one caught, in any thread (E001), failed assertions (E002), and runs without progress (L001)."""

from __future__ import annotations

from collections import Counter

from ..simcore.trace import Op, Trace
from .describe import step, switches, thread_states
from .finding import Finding, fingerprint
from .holding import read

_TAIL = 24
"""How many steps before a failure are shown."""
_REPEATS = 8
"""How many steps of a loop without end are shown."""
_LIFE = frozenset({Op.FAIL, Op.REQUEST, Op.START, Op.BEGIN, Op.JOIN, Op.END, Op.SLEEP})


def find(trace: Trace) -> list[Finding]:
    """One finding for each thread that ended by an exception."""
    situation = read(trace)
    findings: list[Finding] = []
    events = list(trace)
    for event in events:
        if event.operation is not Op.FAIL:
            continue
        details = event.extra
        thread = trace.thread_name(event.thread)
        place = trace.at(event.location)
        function = trace.tables.locations[event.location].function if event.location >= 0 else ""
        assertion = bool(details["assertion"])
        text = f"{details['type']}: {details['message']}" if details["message"] else str(details["type"])
        rule, kind = ("E002", "assertion") if assertion else ("E001", "exception")
        steps = [step(trace, other) for other in events if other.operation not in _LIFE and other.object >= 0][-_TAIL:]
        findings.append(
            Finding(
                rule=rule,
                kind=kind,
                certainty="confirmed",
                message=f"{thread} failed at {place}: {text}" if place else f"{thread} failed: {text}",
                threads=thread_states(situation, [event.thread]),
                steps=steps,
                switches=switches(steps),
                why="The exception left the thread's function; the other threads went on without it."
                if event.thread
                else "The exception left the main function.",
                suggestion="Run the replay with --pdb to look at the variables at the failing step.",
                traceback=list(details["traceback"]),
                fingerprint=fingerprint(rule, str(details["type"]), function),
            )
        )
    return findings


def livelock(trace: Trace, steps: int) -> Finding:
    """The L001 finding for an execution that reached its step limit without progress in its second half."""
    situation = read(trace)
    events = list(trace)
    tail = [event for event in events[len(events) // 2 :] if event.operation is not Op.REQUEST]
    busy = Counter((event.thread, event.operation, event.object, event.location) for event in tail)
    threads = sorted({thread for thread, _, _, _ in busy})
    places = sorted(
        {f"{trace.thread_name(t)} at {trace.at(place)}" for (t, _, _, place), n in busy.most_common(6) if n > 1}
    )
    shown = [step(trace, event) for event in tail[-_REPEATS:]]
    functions = sorted({trace.tables.locations[place].function for (_, _, _, place) in busy if place >= 0})
    return Finding(
        rule="L001",
        kind="livelock",
        certainty="observed",
        message=f"{len(threads)} threads kept running without progress: {'; '.join(places)}"
        if len(threads) > 1
        else f"{trace.thread_name(threads[0])} kept running without progress: {'; '.join(places)}",
        threads=thread_states(situation, threads),
        steps=shown,
        switches=switches(shown),
        why=f"After {steps} steps the last half held no start, end, put, get, set, notify or result, only the same "
        "operations again and again.",
        suggestion="Wait on a condition or an event instead of looking again, or back off by different times.",
        fingerprint=fingerprint("L001", *functions),
    )
