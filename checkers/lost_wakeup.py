"""Lost wake-ups (D004): a signal that came before the wait it was meant for, or that a thread took that had no use for it.

Reads the end of a trace in which a thread waits for ever on a condition or an event, and looks back for the signal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from ..simcore.trace import NOTHING, Event, Op, Trace
from . import source
from .describe import step, switches, thread_states
from .finding import Finding, Related, Step, fingerprint
from .holding import Blocked, Situation, read


@dataclass(frozen=True, slots=True)
class Lost:
    """A signal that did not end a wait. ``taker`` is the thread that was woken instead (-1: nobody was)."""

    blocked: Blocked
    signal: Event
    wait: int
    """The event that began the wait; for an event object the request that was never granted."""
    taker: int = NOTHING
    cleared: Event | None = None
    """For an event object: what lowered the flag again."""
    changed: Event | None = None
    """For a condition: the change that the signal should have followed."""


@dataclass(slots=True)
class _Waiter:
    """One stay in ``wait()``: when it joined the queue, and the section of the lock that it was in."""

    event: int
    thread: int
    location: int
    taken: Event | None


@dataclass(slots=True)
class _Condition:
    queue: list[_Waiter] = field(default_factory=list)
    unheard: list[Event] = field(default_factory=list)
    """Notifies that found nobody waiting."""
    chosen: list[tuple[Event, _Waiter]] = field(default_factory=list)
    waits: list[_Waiter] = field(default_factory=list)


def find(trace: Trace) -> list[Finding]:
    """A D004 finding for every thread that waits for ever because its signal was lost.

    A deadlock whose cause this is, is reported by :func:`deadlock.find` already; this is for looking at one alone.
    """
    situation = read(trace)
    found = [lost(situation, blocked) for _, blocked in sorted(situation.blocked.items())]
    return [finding(situation, one) for one in found if one is not None]


def lost(situation: Situation, blocked: Blocked) -> Lost | None:
    """The signal that was meant for ``blocked``'s wait and was lost; None when there was none.

    On a condition a notify is lost when it found nobody waiting, nothing was tested between taking the lock and this
    wait (a test under the lock would have seen what the notify was about), and the waiting thread had not been in the
    lock since: then it can have missed nothing else. Or when it woke another waiter, at another place, that only went
    back to wait. On an event, when the flag was lowered after the set and before anybody saw it up.
    """
    kind = situation.trace.tables.objects[blocked.object].kind
    if kind == "Condition":
        return _lost_notify(situation, blocked)
    if kind == "Event":
        return _lost_set(situation, blocked)
    return None


def _lost_notify(situation: Situation, blocked: Blocked) -> Lost | None:
    trace = situation.trace
    lock = trace.tables.objects[blocked.object].part_of
    condition, entered = _follow(trace, blocked.object, lock)
    mine = next((waiter for waiter in condition.queue if waiter.thread == blocked.thread), None)
    if mine is None:
        return None
    for notify, other in reversed(condition.chosen):
        if notify.index > mine.event and other.location != mine.location and _waited_again(condition, notify, other):
            return Lost(blocked, notify, mine.event, taker=other.thread)
    late = unannounced(situation, blocked)
    if late is not None and late.notify is not None:
        return Lost(blocked, late.notify, mine.event, changed=late.write)
    before = [notify for notify in condition.unheard if notify.index < mine.event and notify.thread != mine.thread]
    if not before:
        return None
    notify = before[-1]
    sections = [at for at in entered.get(mine.thread, []) if at.index < mine.event]
    missed = sections[-1] if sections else None
    earlier = sections[-2] if len(sections) > 1 else None
    if missed is not None and missed.index < notify.index and lock != NOTHING:
        return None  # notified by somebody else in the middle of the waiter's own section: not a program of this kind
    if earlier is not None and earlier.index > notify.index:
        return None  # it has been in the lock since: the signal was seen there
    if missed is not None and source.checked_before_wait(trace, missed.location, mine.location):
        return None
    return Lost(blocked, notify, mine.event)


@dataclass(frozen=True, slots=True)
class Unannounced:
    """What a waiter tested was changed while it waited, and nobody notified it after that."""

    write: Event
    notify: Event | None
    """The same thread's notify before the change, if any: it came too early."""


def unannounced(situation: Situation, blocked: Blocked) -> Unannounced | None:
    """The last change of a variable that the waiter had read in its section before waiting, if no notify follows it.

    Needs a trace with accesses to variables; without them there is none.
    """
    trace = situation.trace
    objects = trace.tables.objects
    if objects[blocked.object].kind != "Condition":
        return None
    lock = objects[blocked.object].part_of
    tested: set[int] = set()
    waits = False
    write: Event | None = None
    notify: dict[int, Event] = {}
    before: Event | None = None
    looked_at = {event.object for event in trace if event.thread == blocked.thread and _reads(event)}
    changed: dict[int, bool] = {}
    for event in trace:
        op, target = event.operation, event.object
        if op is Op.ACQUIRE and target == lock:
            changed[event.thread] = False
        elif target in looked_at and _writes(event):
            changed[event.thread] = True
        if event.thread == blocked.thread:
            if op is Op.ACQUIRE and target == lock:
                tested.clear()
                waits, write = False, None
            elif op is Op.WAIT and target == blocked.object:
                waits = True
            elif op is Op.READ and not waits:
                tested.add(target)
        elif op is Op.NOTIFY and target == blocked.object:
            # One that tells of another change, made in the same section, is not the one that came too early.
            if changed.get(event.thread):
                notify.pop(event.thread, None)
            else:
                notify[event.thread] = event
            write = None
        elif op is Op.WRITE and waits and target in tested:
            write, before = event, notify.get(event.thread)
    return None if write is None or not waits else Unannounced(write, before)


def _reads(event: Event) -> bool:
    return event.operation is Op.READ or _kind_of_access(event) == "read"


def _writes(event: Event) -> bool:
    return event.operation is Op.WRITE or _kind_of_access(event) == "write"


def _kind_of_access(event: Event) -> str:
    """What an access to a whole container does; its operation does not tell."""
    details: dict[str, Any] = event.extra or {}
    return str(details.get("access", "")) if event.operation is Op.ATOMIC else ""


def _follow(trace: Trace, target: int, lock: int) -> tuple[_Condition, dict[int, list[Event]]]:
    """The condition's queue as it was at the end (first come, first woken, as CPython does it), and who took the lock."""
    condition = _Condition()
    entered: dict[int, list[Event]] = {}
    for event in trace:
        if event.object == lock and event.operation is Op.ACQUIRE and lock != NOTHING:
            entered.setdefault(event.thread, []).append(event)
        elif event.object != target:
            continue
        elif event.operation is Op.WAIT:
            taken = entered.get(event.thread, [])
            waiter = _Waiter(event.index, event.thread, event.location, taken[-1] if taken else None)
            condition.queue.append(waiter)
            condition.waits.append(waiter)
        elif event.operation is Op.TIMEOUT:
            condition.queue = [waiter for waiter in condition.queue if waiter.thread != event.thread]
        elif event.operation is Op.NOTIFY:
            chosen = _chosen(condition, event)
            if not chosen:
                condition.unheard.append(event)
            condition.chosen += [(event, waiter) for waiter in chosen]
            condition.queue = [waiter for waiter in condition.queue if waiter not in chosen]
    return condition, entered


def _chosen(condition: _Condition, notify: Event) -> list[_Waiter]:
    """Whom a notify woke: as a trace of real threads says by name, else as many as the outcome counts, first come first."""
    details: Any = notify.extra
    if isinstance(details, dict) and "woken" in details:
        woken = cast(dict[str, list[int]], details)["woken"]
        return [waiter for waiter in condition.queue if waiter.thread in woken]
    return condition.queue[: notify.outcome]


def _waited_again(condition: _Condition, notify: Event, other: _Waiter) -> bool:
    """Did the thread that was woken only go back to wait, where it waited before?"""
    again = next(
        (waiter for waiter in condition.waits if waiter.thread == other.thread and waiter.event > notify.index), None
    )
    return again is not None and again.location == other.location


def _lost_set(situation: Situation, blocked: Blocked) -> Lost | None:
    signal: Event | None = None
    cleared: Event | None = None
    for event in situation.trace:
        if event.object != blocked.object:
            continue
        if event.operation is Op.SET:
            signal, cleared = event, None
        elif event.operation is Op.CLEAR and signal is not None and cleared is None:
            cleared = event
        elif cleared is None and event.thread == blocked.thread and _saw_it_up(event):
            signal = None
    if signal is None or cleared is None or signal.thread == blocked.thread:
        return None
    return Lost(blocked, signal, blocked.event, cleared=cleared)


def _saw_it_up(event: Event) -> bool:
    """A wait that ended, or ``is_set()`` with the answer yes."""
    return event.operation is Op.WAIT or (event.operation is Op.ATOMIC and event.outcome != 0)


def finding(situation: Situation, one: Lost, others: list[int] | None = None) -> Finding:
    """The D004 finding of a lost signal; ``others`` are further threads that are stuck because of it."""
    trace = situation.trace
    blocked = one.blocked
    name, waiting = trace.object_name(blocked.object), trace.thread_name(blocked.thread)
    signaller = trace.thread_name(one.signal.thread)
    signal_at, wait_at = trace.at(one.signal.location), trace.at(blocked.location)
    word = one.signal.operation.label
    if one.cleared is not None:
        by = trace.thread_name(one.cleared.thread)
        message = (
            f"the set of {name}{_at(signal_at)} was cleared{_at(trace.at(one.cleared.location))} before {waiting}'s "
            f"wait{_at(wait_at)}"
        )
        again = (
            f"{signaller} set {name} and cleared it" if by == signaller else f"{signaller} set {name}; {by} cleared it"
        )
        why = f"{again} before {waiting} looked, and nobody is left who sets it again."
        cure = (
            "Clear the event only in the thread that waits for it, after the wait; or count the signals in a Semaphore."
        )
    elif one.changed is not None:
        variable = trace.object_name(one.changed.object)
        message = (
            f"the notify of {name}{_at(signal_at)} came before {variable} was changed"
            f"{_at(trace.at(one.changed.location))}: {waiting} waits{_at(wait_at)}"
        )
        why = f"{waiting} had looked at {variable} and waited; {signaller} notified first and changed it afterwards."
        cure = f"Change {variable} and notify in one section of the lock, the change first."
    elif one.taker != NOTHING:
        taker = trace.thread_name(one.taker)
        message = f"the notify of {name}{_at(signal_at)} woke {taker}, not {waiting}, which waits{_at(wait_at)}"
        why = f"{taker} found nothing to do and waited again; notify() wakes the longest waiter, whatever it waits for."
        cure = "Use notify_all() where waiters wait for different things, or give each thing a Condition of its own."
    else:
        message = f"the notify of {name}{_at(signal_at)} came before {waiting}'s wait{_at(wait_at)}"
        why = f"A Condition remembers no signal: when {signaller} notified, nobody waited, and nobody notifies again."
        cure = (
            "Keep what is waited for in a variable: change it under the lock, and wait in a loop that tests it there."
        )
    threads = [blocked.thread, *[t for t in dict.fromkeys((one.signal.thread, one.taker)) if t != NOTHING]]
    threads += [thread for thread in others or [] if thread not in threads]
    steps = _steps(situation, one)
    functions = sorted(
        trace.tables.locations[place].function for place in (one.signal.location, blocked.location) if place >= 0
    )
    return Finding(
        rule="D004",
        kind="lost-wakeup",
        certainty="confirmed",
        message=message,
        threads=thread_states(situation, threads),
        steps=steps,
        switches=switches(steps),
        why=why,
        suggestion=cure,
        related=[Related(f"the {word} that was lost", signal_at)],
        fingerprint=fingerprint("D004", word, *functions),
    )


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _steps(situation: Situation, one: Lost) -> list[Step]:
    """The steps of waiter, signaller and taker on the object and its lock around the signal, up to the wait for ever."""
    trace = situation.trace
    target = one.blocked.object
    lock = trace.tables.objects[target].part_of
    threads = {one.blocked.thread, one.signal.thread, one.taker}
    objects = {target, lock} - {NOTHING}
    if one.cleared is not None:
        threads.add(one.cleared.thread)
    if one.changed is not None:
        objects.add(one.changed.object)
    events = [event for event in trace if event.thread in threads and event.object in objects]
    from_index = min(one.signal.index, one.wait)
    for event in reversed(events):
        # The signaller's section from its beginning.
        if event.index < from_index and event.operation is Op.ACQUIRE and event.thread == one.signal.thread:
            from_index = event.index
            break
    return [step(trace, event) for event in events if event.index >= from_index][:_STEPS_MAX]


_STEPS_MAX = 24
