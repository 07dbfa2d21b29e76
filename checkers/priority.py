"""Priority inversion (P001): an important thread waits for a lock whose owner is kept off its core by a less important one.

Reads a trace of the timed world with scheduler events and priorities; it knows nothing of how cores were simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..simcore.priority import PRIORITY_MARK
from ..simcore.trace import NOTHING, Event, Op, Trace
from .describe import step, switches
from .finding import Finding, Hold, Related, ThreadState, Wait, fingerprint
from .holding import OWNED_KINDS

_STATES = {
    Op.READY: "ready",
    Op.PREEMPT: "ready",
    Op.GIL_REQUEST: "ready",
    Op.BLOCK: "blocked",
    Op.SLEEP: "blocked",
    Op.END: "terminated",
}
"""What a scheduler event makes of its thread; waiting for the GIL is being ready to run."""


@dataclass(slots=True)
class Inversion:
    """What one important thread's waits for one lock came to, in nanoseconds of virtual time."""

    waiter: int
    lock: int
    priority: int
    waited_ns: int = 0
    inverted_ns: int = 0
    """While the owner could have run and somebody of a priority between the two ran instead."""
    bounded_ns: int = 0
    """While the owner ran: that ends with its critical section."""
    by: dict[int, int] = field(default_factory=dict[int, int])
    """The threads that ran instead, and for how long."""
    chain: list[int] = field(default_factory=list[int])
    """The owners one behind the other, when it was inverted first."""
    request: Event | None = None
    acquired: Event | None = None
    """Where the owner had taken the lock."""
    intruded: Event | None = None
    """What gave the core to the thread in between, when it was inverted first."""


def find(trace: Trace) -> list[Finding]:
    """A P001 finding for each thread and lock with inverted time, worst first."""
    found = [inversion for inversion in inversions(trace) if inversion.inverted_ns]
    found.sort(key=lambda inversion: -inversion.inverted_ns)
    return [_finding(trace, inversion) for inversion in found]


def inversions(trace: Trace) -> list[Inversion]:
    """Every wait of a thread for a lock of a less important owner, added up by thread and lock.

    The inverted time of a wait of t for m with owners o1, o2, … (each waiting for the next one's lock) is the time in
    which the last of them is ready but not running while some thread x outside the chain, with a priority above that
    owner's and below t's, has a core. Priorities are those that the program set; an inherited one shows in who runs.
    Time in which x holds a lock that somebody as important as t waits for is not counted: then it runs for that one.
    """
    walk = _Walk(trace)
    if not any(_priority(event) is not None for event in trace):
        return []
    for event in trace:
        walk.event(event)
    return list(walk.found.values())


def _priority(event: Event) -> int | None:
    if event.operation is Op.MARK and isinstance(event.extra, str) and event.extra.startswith(PRIORITY_MARK):
        text = event.extra.removeprefix(PRIORITY_MARK)
        return int(text) if text.lstrip("-").isdigit() else None
    return None


class _Walk:
    """The state of every thread and lock, event by event, and the time in between accounted for."""

    def __init__(self, trace: Trace) -> None:
        self.objects = trace.tables.objects
        self.found: dict[tuple[int, int], Inversion] = {}
        self._now = 0
        self._state: dict[int, str] = {}
        self._priorities: dict[int, int] = {}
        self._owner: dict[int, Event] = {}
        self._waits: dict[int, Event] = {}
        self._on_core: dict[int, Event] = {}

    def event(self, event: Event) -> None:
        if event.time_ns is not None and event.time_ns > self._now:
            self._pass(event.time_ns - self._now)
            self._now = event.time_ns
        thread, op, target = event.thread, event.operation, event.object
        kind = "" if target == NOTHING else self.objects[target].kind
        level = _priority(event)
        if level is not None:
            self._priorities[thread] = level
        elif op is Op.RUN and target == NOTHING:
            self._state[thread] = "running"
            self._on_core[thread] = event
        elif op is Op.REQUEST and kind in OWNED_KINDS:
            self._waits[thread] = event
        elif op in (Op.ACQUIRE, Op.ACQUIRE_FAILED, Op.TIMEOUT) and kind in OWNED_KINDS:
            self._waits.pop(thread, None)
            if op is Op.ACQUIRE:
                self._owner[target] = event
        elif op is Op.RELEASE and kind in OWNED_KINDS:
            self._owner.pop(target, None)
        elif op is Op.WAIT and kind == "Condition":
            self._owner.pop(self.objects[target].part_of, None)
        if op in _STATES:
            self._state[thread] = _STATES[op]

    def _pass(self, duration_ns: int) -> None:
        if not self._waits:
            return
        chains = {waiter: self._chain(request.object) for waiter, request in self._waits.items()}
        serves: dict[int, int] = {}
        for waiter, chain in chains.items():
            for owner in chain:
                serves[owner] = max(serves.get(owner, 0), self._priorities.get(waiter, 0))
        for waiter, request in self._waits.items():
            important = self._priorities.get(waiter, 0)
            chain = chains[waiter]
            if not chain or self._priorities.get(chain[-1], 0) >= important:
                continue
            key = (waiter, request.object)
            inversion = self.found.get(key)
            if inversion is None:
                inversion = self.found[key] = Inversion(waiter, request.object, important)
            inversion.waited_ns += duration_ns
            last = chain[-1]
            if self._state.get(last) == "running":
                inversion.bounded_ns += duration_ns
            elif self._state.get(last) == "ready":
                between = [
                    thread
                    for thread, state in self._state.items()
                    if state == "running"
                    and thread not in chain
                    and self._priorities.get(last, 0) < self._priorities.get(thread, 0) < important
                    and (thread not in serves or serves[thread] < important)
                ]
                if between:
                    inversion.inverted_ns += duration_ns
                    for thread in between:
                        inversion.by[thread] = inversion.by.get(thread, 0) + duration_ns
                    if inversion.request is None:
                        inversion.request = request
                        inversion.chain = chain
                        inversion.acquired = self._owner[request.object]
                        inversion.intruded = self._on_core[between[0]]

    def _chain(self, lock: int) -> list[int]:
        chain: list[int] = []
        while lock in self._owner:
            owner = self._owner[lock].thread
            if owner in chain:
                break
            chain.append(owner)
            if owner not in self._waits:
                break
            lock = self._waits[owner].object
        return chain


def duration(nanoseconds: int) -> str:
    """A time as people read it: ``1.5 s``, ``20 ms``, ``300 us``."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.4g} {unit}"
    return f"{nanoseconds} ns"


def _finding(trace: Trace, inversion: Inversion) -> Finding:
    assert inversion.request is not None
    assert inversion.acquired is not None
    assert inversion.intruded is not None
    name = trace.object_name(inversion.lock)
    waiter, owner = trace.thread_name(inversion.waiter), trace.thread_name(inversion.chain[-1])
    intruder = max(inversion.by, key=lambda thread: inversion.by[thread])
    others = [trace.thread_name(thread) for thread in sorted(inversion.by, key=lambda thread: -inversion.by[thread])]
    total, inverted = duration(inversion.waited_ns), duration(inversion.inverted_ns)
    request_at, taken_at = trace.at(inversion.request.location), trace.at(inversion.acquired.location)
    holder = trace.thread_name(inversion.chain[0])
    through = f" (through {holder})" if len(inversion.chain) > 1 else ""
    message = (
        f"{waiter} (priority {inversion.priority}) waited {total} for {name}{through}; for {inverted} of it "
        f"{', '.join(others)} kept {owner} from running"
    )
    events = sorted((inversion.acquired, inversion.request, inversion.intruded), key=lambda event: event.index)
    steps = [step(trace, event) for event in events]
    function = trace.tables.locations[inversion.request.location].function if inversion.request.location >= 0 else ""
    return Finding(
        rule="P001",
        kind="priority-inversion",
        certainty="observed",
        message=message,
        threads=[
            ThreadState(name=waiter, state="blocked", waits=Wait(name, "acquire", request_at, f"held by {holder}")),
            ThreadState(name=holder, state="ready" if holder == owner else "blocked", holds=[Hold(name, taken_at)]),
            *[ThreadState(name=trace.thread_name(thread), state="blocked") for thread in inversion.chain[1:-1]],
            *([ThreadState(name=owner, state="ready")] if owner != holder else []),
            ThreadState(name=trace.thread_name(intruder), state="running"),
        ],
        steps=steps,
        switches=switches(steps),
        why=f"{owner} was ready to go on but less important than {others[0]}, which does not need {name}: the wait "
        f"lasts as long as {others[0]} likes. {owner} itself ran for {duration(inversion.bounded_ns)} of it, which its "
        "critical section bounds.",
        suggestion=f"Give {name}'s owner its waiters' priority (inheritance, or a ceiling), or keep threads of such "
        "different priorities from sharing it.",
        related=[Related(f"{holder} took {name}", taken_at)],
        fingerprint=fingerprint("P001", function, name),
    )
