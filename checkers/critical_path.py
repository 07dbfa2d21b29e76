"""The critical path of a timed run: backwards from its end, always to what the thread waited for last.

It reads a trace with scheduler events and says where the time of the run went, each nanosecond once; how much would be
gained without something on it is for a simulation to say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ..simcore.trace import NOTHING, Op, Trace
from .tenures import HELD_KINDS, Held, held
from .timed_states import History, Stretch, histories
from .wakers import waking
from .work_span import work_and_span

Kind = Literal["compute", "sleep", "lock", "gil", "core", "wake-up", "time-out", "wait", "start"]
"""What time on the path is:

=========  ============================================================================================================
compute    a thread runs
sleep      it sleeps
lock       it waits for an object that others hold: a lock, or the permits of a semaphore
gil        it waits for the GIL
core       it could run and no core is free
wake-up    from what another thread did (put, set, notify, end ...) to the waiting thread being ready
time-out   it waits for something that does not come in time
wait       it waits for something that nobody was seen to do
start      from ``start()`` to the new thread being ready
=========  ============================================================================================================
"""
_IN_VAIN = frozenset({Op.TIMEOUT, Op.ACQUIRE_FAILED, Op.GET_FAILED, Op.PUT_FAILED})


class Holder(msgspec.Struct, frozen=True):
    """Who had what the path waits for, and where that thread had taken it."""

    thread: str
    place: str
    duration_ns: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """All time of the path of one kind at one place.

    ``name`` is a function that computes or sleeps, or an object (``optimizer.lock``); ``place`` the line of the code,
    or the one that made the object (``train.py:41``). Objects made at one place are taken together in ``objects``.
    """

    kind: Kind
    name: str
    place: str
    object_kind: str = ""
    objects: tuple[str, ...] = ()
    duration_ns: int
    share: float
    """Of the path; all shares add up to 1."""
    threads: tuple[str, ...] = ()
    """Whose time it is, longest first."""
    holders: tuple[Holder, ...] = ()
    """Longest first. They need not add up: a lock that is handed over belongs to nobody for a moment."""


@dataclass(frozen=True, slots=True)
class Link:
    """A stretch of the path in one thread. ``object`` and ``location`` are table indices, -1 for none."""

    start_ns: int
    end_ns: int
    thread: int
    kind: Kind
    object: int = NOTHING
    location: int = NOTHING


class CriticalPath(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of one run went, from its end to its beginning.

    Where a thread waited for what another one did, the path goes on in that one. Where it waited for something that
    others held (a lock, the GIL, a core) the path stays with it, and the wait is a part of its own: removing the cause
    removes about that much, unless another path is as long.
    """

    duration_ns: int
    parts: tuple[Part, ...]
    """Longest first."""
    links: tuple[Link, ...]
    """In order of time, without gaps."""
    work_ns: int
    """All computation of all threads: no schedule on N cores takes less than work / N."""
    span_ns: int
    """The longest chain of steps that have to come one after the other: no schedule at all takes less."""
    gil_ns: int
    """The time in which a thread on a core had the GIL: nor less than that, while there is one."""


def critical_path(trace: Trace, found: dict[int, History] | None = None) -> CriticalPath:
    """The critical path of a run that ended; of one that did not, up to the last thing that happened. ``found``: its
    histories, from who has them already.

    Raises:
        NoTimeline: the trace has no scheduler events.
    """
    walk = _Walk(trace, histories(trace) if found is None else found)
    links = tuple(reversed([*walk.links()]))
    measured = work_and_span(trace, walk.histories, walk.held.signals)
    begin_ns, end_ns = (links[0].start_ns, links[-1].end_ns) if links else (0, 0)
    return CriticalPath(
        duration_ns=end_ns - begin_ns,
        parts=tuple(_parts(trace, walk.held, links)),
        links=links,
        work_ns=measured.work_ns,
        span_ns=measured.span_ns,
        gil_ns=measured.gil_ns,
    )


def duration_ns(trace: Trace) -> int:
    """What :attr:`CriticalPath.duration_ns` will say, without looking for the path."""
    return max(trace.row(_end_of(trace))[-1], 0) - max(trace.row(0)[-1], 0)


def _end_of(trace: Trace) -> int:
    """The end of the last thread that kept the program running; the last event where none came to its end."""
    threads, rows = trace.tables.threads, trace.rows()
    for index in range(len(rows) - 1, -1, -1):
        if rows[index][1] == Op.END and not threads[rows[index][0]].daemon:
            return index
    return len(rows) - 1


class _Walk:
    """From the last event of the run to the first, a stretch at a time."""

    def __init__(self, trace: Trace, found: dict[int, History]) -> None:
        self.trace = trace
        self.rows = trace.rows()
        self.histories = found
        self.held = held(trace)
        self.started: dict[int, int] = {}
        """Thread -> the event that started it."""
        self.by_object: dict[int, list[int]] = {}
        self.by_thread: dict[int, list[int]] = {}
        objects = trace.tables.objects
        for index, (thread, op, _, target, *_) in enumerate(self.rows):
            if target != NOTHING:
                self.by_object.setdefault(target, []).append(index)
                self.by_thread.setdefault(thread, []).append(index)
                if op == Op.START:
                    self.started.setdefault(objects[target].thread, index)
        self.parts_of: dict[int, list[int]] = {}
        for number, info in enumerate(objects):
            if info.part_of != NOTHING:
                self.parts_of.setdefault(info.part_of, []).append(number)
        values = trace.header.profile.items()
        self._delays = {value for name, value in values if name.startswith("handover") and isinstance(value, int)}

    def links(self) -> Iterator[Link]:
        """The path, last link first."""
        event = _end_of(self.trace)
        thread = self.rows[event][0]
        until_ns = self._time(event)
        while event >= 0:
            history = self.histories[thread]
            position = history.index_at(event)
            if position < 0:
                starter = self.started.get(thread, -1)
                since_ns = self._time(starter) if starter >= 0 else self._time(0)
                if until_ns > since_ns:
                    yield Link(since_ns, until_ns, thread, "start", location=self._location(starter))
                thread, event, until_ns = (self.rows[starter][0], starter, since_ns) if starter >= 0 else (0, -1, 0)
                continue
            stretch = history.stretches[position]
            if stretch.doing == "running":
                yield from self._computed(history, stretch, thread, until_ns)
            elif stretch.doing == "blocked":
                waker = self._waker(thread, stretch)
                if waker is not None:
                    at_ns = self._time(waker)
                    if until_ns > at_ns:
                        yield Link(at_ns, until_ns, thread, "wake-up", stretch.object, stretch.location)
                    thread, event, until_ns = self.rows[waker][0], waker, at_ns
                    continue
                if until_ns > stretch.start_ns:
                    kind = self._kind_of_wait(thread, stretch)
                    yield Link(stretch.start_ns, until_ns, thread, kind, stretch.object, stretch.location)
            elif until_ns > stretch.start_ns:
                kinds: dict[str, Kind] = {"ready": "core", "gil": "gil", "sleeping": "sleep"}
                location = self._location(stretch.first) if stretch.doing == "sleeping" else NOTHING
                yield Link(stretch.start_ns, until_ns, thread, kinds[stretch.doing], location=location)
            event, until_ns = stretch.first, min(stretch.start_ns, until_ns)

    def _time(self, event: int) -> int:
        return max(self.rows[event][-1], 0)

    def _location(self, event: int) -> int:
        return self.rows[event][4] if event >= 0 else NOTHING

    def _computed(self, history: History, stretch: Stretch, thread: int, until_ns: int) -> Iterator[Link]:
        pieces = [*history.pieces_in(stretch.start_ns, until_ns)]
        for piece in reversed(pieces):
            if piece.end_ns < until_ns:
                yield Link(piece.end_ns, until_ns, thread, "compute")
            yield Link(piece.start_ns, piece.end_ns, thread, "compute", location=piece.location)
            until_ns = piece.start_ns
        if until_ns > stretch.start_ns:
            yield Link(stretch.start_ns, until_ns, thread, "compute")

    def _kind_of_wait(self, thread: int, stretch: Stretch) -> Kind:
        if self._in_vain(thread, stretch):
            return "time-out"
        return "lock" if self._for_holders(stretch.object) else "wait"

    def _for_holders(self, target: int) -> bool:
        """Is a wait for this object one for whoever has it, and not for a message?"""
        objects = self.trace.tables.objects
        return target != NOTHING and objects[target].kind in HELD_KINDS and target not in self.held.signals

    def _waker(self, thread: int, stretch: Stretch) -> int | None:
        """The event of another thread that ended the wait; None for a wait for what others held, or for a time-out."""
        target = stretch.object
        if self._in_vain(thread, stretch) or self._for_holders(target):
            return None
        kind = self.trace.tables.objects[target].kind if target != NOTHING else ""
        operation = self._asked(stretch)
        whole = self.trace.tables.objects[target].part_of if target != NOTHING else NOTHING
        near = [target, *([whole] if whole != NOTHING else []), *self.parts_of.get(target, [])]
        for candidates, any_operation in ((near[:1], False), (near, False), (None, False), (near, True)):
            found = self._last_by_others(thread, stretch, candidates, None if any_operation else (kind, operation))
            if found is not None:
                return found
        return None

    def _asked(self, stretch: Stretch) -> str:
        extra = self.rows[stretch.first][5]
        details: dict[str, Any] = {} if extra == NOTHING else self.trace.tables.extras[extra]
        return str(details.get("operation", ""))

    def _last_by_others(
        self, thread: int, stretch: Stretch, targets: list[int] | None, what: tuple[str, str] | None
    ) -> int | None:
        """The latest event during the wait that can have ended it: on one of the objects (None: on any), and of the
        operations that end such a wait (None: any). One that is exactly a hand-over earlier is the one."""
        operations = None if what is None else waking(*what).operations
        longest_ns = max(self._delays, default=0)
        found: int | None = None
        for index in self._events(targets, stretch.first, stretch.last):
            other, op, *_ = self.rows[index]
            if other == thread or (operations is not None and op not in operations):
                continue
            before_ns = stretch.end_ns - self._time(index)
            if before_ns in self._delays:
                return index
            if found is not None and before_ns > longest_ns:
                return found
            if found is None:
                found = index
        return found

    def _events(self, targets: list[int] | None, first: int, last: int) -> Iterable[int]:
        """Of these objects, between two events, latest first."""
        if targets is None:
            return range(last - 1, first, -1)
        found: list[int] = []
        for target in targets:
            events = self.by_object.get(target, [])
            found += events[bisect_right(events, first) : bisect_left(events, last)]
        return sorted(found, reverse=True)

    def _in_vain(self, thread: int, stretch: Stretch) -> bool:
        """Did the wait end by itself? Then the thread's next operation says so."""
        events = self.by_thread.get(thread, [])
        position = bisect_left(events, stretch.last)
        if position == len(events):
            return False
        _, op, _, target, *_ = self.rows[events[position]]
        return op in _IN_VAIN and target == stretch.object


@dataclass(slots=True)
class _Sum:
    """What links of one kind at one place come to."""

    kind: Kind
    name: str
    place: str
    object_kind: str
    duration_ns: int = 0
    objects: dict[int, None] = field(default_factory=dict[int, None])
    threads: dict[int, int] = field(default_factory=dict[int, int])
    holders: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])


def _parts(trace: Trace, held: Held, links: Iterable[Link]) -> list[Part]:
    sums: dict[tuple[str, ...], _Sum] = {}
    whole_ns = 0
    for link in links:
        duration_ns = link.end_ns - link.start_ns
        whole_ns += duration_ns
        entry = _entry(trace, sums, link)
        entry.duration_ns += duration_ns
        entry.threads[link.thread] = entry.threads.get(link.thread, 0) + duration_ns
        if link.object != NOTHING:
            entry.objects[link.object] = None
        if link.kind in ("lock", "gil"):
            for tenure in held.during(link.object, link.start_ns, link.end_ns):
                if tenure.thread != link.thread:
                    key = (tenure.thread, tenure.location)
                    entry.holders[key] = entry.holders.get(key, 0) + tenure.end_ns - tenure.start_ns
    found = [_part(trace, entry, whole_ns) for entry in sums.values() if entry.duration_ns]
    return sorted(found, key=lambda part: -part.duration_ns)


def _entry(trace: Trace, sums: dict[tuple[str, ...], _Sum], link: Link) -> _Sum:
    tables = trace.tables
    name = object_kind = ""
    place = trace.at(link.location)
    if link.object != NOTHING:
        info = tables.objects[link.object]
        name, object_kind = info.name, info.kind
        place = trace.at(info.site)
    elif link.location != NOTHING:
        name = tables.locations[link.location].function
    # Objects are told apart by where they were made; those that nobody knows the place of by their names.
    key = (link.kind, object_kind, place, name if link.object == NOTHING or not place else "")
    return sums.setdefault(key, _Sum(link.kind, name, place, object_kind))


def _part(trace: Trace, entry: _Sum, whole_ns: int) -> Part:
    names = tuple(trace.object_name(target) for target in entry.objects)
    holders = [
        Holder(trace.thread_name(thread), trace.at(location), spent)
        for (thread, location), spent in sorted(entry.holders.items(), key=lambda item: -item[1])
    ]
    return Part(
        kind=entry.kind,
        name=entry.name,
        place=entry.place,
        object_kind=entry.object_kind,
        objects=names,
        duration_ns=entry.duration_ns,
        share=entry.duration_ns / whole_ns,
        threads=tuple(
            trace.thread_name(thread) for thread in sorted(entry.threads, key=lambda thread: -entry.threads[thread])
        ),
        holders=tuple(holders),
    )
