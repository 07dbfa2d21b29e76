"""Exceptions that no one caught, in any thread (E001), failed assertions (E002), and runs without progress (L001)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..simcore.trace import NOTHING, Event, Op, Trace
from .describe import private_variables, step, switches, thread_states
from .finding import Finding, fingerprint
from .holding import read

_TAIL = 24
"""How many steps before a failure are shown."""
_REPEATS = 8
"""How many steps of a loop without end are shown."""
_TURNS_MIN = 3
"""How often the same steps must follow each other to be called a loop."""
_LOOKED_AT = 300
"""How many of a thread's last steps are searched for a loop: turns of up to a third of that are found."""
_LOOKS = frozenset({Op.ATOMIC, Op.READ, Op.ACQUIRE_FAILED, Op.TIMEOUT, Op.GET_FAILED, Op.PUT_FAILED})
"""Steps that can have asked in vain."""
_LIFE = frozenset({Op.FAIL, Op.REQUEST, Op.START, Op.BEGIN, Op.JOIN, Op.END, Op.SLEEP})


def find(trace: Trace) -> list[Finding]:
    """One finding for each thread that ended by an exception."""
    events = list(trace)
    failures = [event for event in events if event.operation is Op.FAIL]
    if not failures:
        return []
    situation = read(trace)
    private = private_variables(trace)
    findings: list[Finding] = []
    for event in failures:
        details = event.extra
        thread = trace.thread_name(event.thread)
        place = trace.at(event.location)
        function = trace.tables.locations[event.location].function if event.location >= 0 else ""
        assertion = bool(details["assertion"])
        text = f"{details['type']}: {details['message']}" if details["message"] else str(details["type"])
        rule, kind = ("E002", "assertion") if assertion else ("E001", "exception")
        steps = [
            step(trace, other)
            for other in events
            if other.operation not in _LIFE and other.object >= 0 and other.object not in private
        ][-_TAIL:]
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
    private = private_variables(trace)
    half = [event for event in events[len(events) // 2 :] if event.operation is not Op.REQUEST]
    tail = [event for event in half if event.object not in private] or half
    threads = sorted({event.thread for event in tail})
    loops = {thread: loop for thread in threads if (loop := _loop(tail, thread)) is not None}
    places = [f"{trace.thread_name(thread)} {_around(trace, loop)}" for thread, loop in loops.items()]
    if not places:
        busy = Counter((event.thread, event.location) for event in tail)
        places = sorted(
            f"{trace.thread_name(thread)} at {trace.at(place)}" for (thread, place), n in busy.most_common(6) if n > 1
        )
    shown = [step(trace, event) for event in tail[-_shown(loops) :]]
    functions = sorted({trace.tables.locations[event.location].function for event in tail if event.location != NOTHING})
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
        why=_fruitless(trace, loops, steps),
        suggestion="Wait on a condition or an event instead of looking again, or back off by different times.",
        fingerprint=fingerprint("L001", *functions),
    )


@dataclass(frozen=True, slots=True)
class Loop:
    """What one thread does again and again: the steps of one turn, and how many equal turns in a row were seen last."""

    turn: list[Event]
    turns: int


def _loop(tail: list[Event], thread: int) -> Loop | None:
    """The shortest turn that the thread's last steps repeat: same operations, objects, places and outcomes."""
    mine = [event for event in tail if event.thread == thread][-_LOOKED_AT:]
    kinds = [(event.operation, event.object, event.location, event.outcome) for event in mine]
    for length in range(1, len(kinds) // _TURNS_MIN + 1):
        turn = kinds[-length:]
        turns = 1
        while kinds[len(kinds) - (turns + 1) * length : len(kinds) - turns * length] == turn:
            turns += 1
        if turns >= _TURNS_MIN:
            return Loop(mine[-length:], turns)
    return None


def _around(trace: Trace, loop: Loop) -> str:
    """``repeats prog.py:5-8``: the lines of one turn, file by file."""
    lines: dict[str, list[int]] = {}
    for event in loop.turn:
        if event.location != NOTHING:
            place = trace.tables.locations[event.location]
            lines.setdefault(str(place).rpartition(":")[0], []).append(place.line)
    spans = [
        f"{name}:{min(found)}" if min(found) == max(found) else f"{name}:{min(found)}-{max(found)}"
        for name, found in lines.items()
    ]
    return f"repeats {', '.join(spans)}"


def _fruitless(trace: Trace, loops: dict[int, Loop], steps: int) -> str:
    """What each loop looks at in vain."""
    general = (
        f"After {steps} steps the last half held no start, end, put, get, set, notify or result, only the same "
        "operations again and again"
    )
    looks: list[str] = []
    for thread, loop in loops.items():
        asked = list(
            dict.fromkeys(
                f"{event.operation.label} of {trace.object_name(event.object)}"
                for event in loop.turn
                if event.operation in _LOOKS and event.object != NOTHING
            )
        )
        if asked:
            looks.append(f"{trace.thread_name(thread)} polls ({', '.join(asked)})")
        elif any(event.operation is Op.SLEEP for event in loop.turn):
            looks.append(f"{trace.thread_name(thread)} sleeps and looks at a variable")
    return f"{general}: {'; '.join(looks)}, always with the same answer." if looks else f"{general}."


def _shown(loops: dict[int, Loop]) -> int:
    """Two turns of every loop, when that fits."""
    return min(max(2 * sum(len(loop.turn) for loop in loops.values()), _REPEATS), _TAIL)
