"""Hazards in a run's rows: what touches the same bytes unordered, memory reused too early, events that race.

It keeps, for each storage, the accesses that something later may still race with. Who is ordered with whom is asked of
:mod:`order`; what a hazard reads like in a report is for others.

Memory that is given back is used again for the stream it was made for, without waiting for any other: that is what
torch's caching allocator does. What other streams may still do with it then is a *latent* hazard, and a *confirmed* one
once something else lives there and is touched. ``record_stream`` makes the allocator wait for that stream's work.

Most storages are in the hands of one stream at a time, which knows of all that was done to them before: their *owner*. What
an owner does is only noted. Notes are compared, and become accesses, when somebody comes who does not know of all; what is
found does not depend on when that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import msgspec

from ...simcore.gpu import rows
from ...simcore.gpu.rows import Span
from .order import Clock, Epoch, Order, Waited, host, merge
from .spans import covers, overlap

Kind = Literal["race", "reuse", "event"]
_ROWS_BETWEEN_SWEEPS = 1 << 15
"""After so many rows or more, notes that nothing can race with any more are forgotten: until then they are a few megabytes.
It is as many as there are storages where those are more, since a sweep looks at each of them."""
_FEW_NOTES = 8
"""A sweep leaves so many of a storage alone: what would replace them is not smaller."""


class _Note(msgspec.Struct, frozen=True, gc=False):
    """An actor did something to a storage: what, is looked up in the row when it matters."""

    actor: int
    count: int
    number: int
    """Of the row."""
    row: rows.Launch | rows.HostAccess


class Access(msgspec.Struct, eq=False, gc=False):
    """Something touched a span. ``row`` is its number. Two are the same only as objects; nothing changes one."""

    actor: int
    count: int
    """The number of its action."""
    span: Span
    writes: bool
    row: int
    name: str
    at: str
    thread: int = 0
    """The host thread that asked for it, or did it."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Two accesses that nothing orders, or that something should and may not.

    A *race* has both accesses to one storage. A *reuse* has ``first`` of a storage that was freed meanwhile; without
    ``second`` (*latent*) nothing was seen that lives there now. An *event* hazard is a wait whose event is recorded by
    another thread, unordered, or by nobody; ``first`` and ``second`` are None then.
    """

    kind: Kind
    first: Access | None
    second: Access | None
    storage: int = -1
    row: int = -1
    """Where it was noticed."""
    event: int = -1
    waited: Waited = "ordered"
    recorded: int = -1
    """Of an event that was recorded unordered, the row of that."""


class _Storage(msgspec.Struct, eq=False, gc=False):
    """One storage, as long as it lives.

    With an owner, everything here comes before what that does next, ``accesses`` and ``earlier`` came before the notes,
    and each note was known to who made the next one. Without one there are no notes.
    """

    made: rows.Alloc
    owner: int | None
    end: int
    """No access touched a byte from here on. Not always the size: torch lets storages grow."""
    reads: list[_Note] = []
    """Notes of what read it: a note for each span that it has here."""
    writes: list[_Note] = []
    accesses: Sequence[Access] = ()
    earlier: Sequence[Access] = ()
    """Accesses to what lived here before, that may still go on."""
    recorded: tuple[int, ...] = ()
    """Streams of ``record_stream``."""

    def known(self, clock: Clock) -> bool:
        """Does everything here come before what is done next by somebody with this clock?"""
        reads, writes = self.reads, self.writes
        if reads or writes:
            # Who knows of the last knows of all.
            return (not reads or clock[reads[-1].actor] >= reads[-1].count) and (
                not writes or clock[writes[-1].actor] >= writes[-1].count
            )
        for accesses in (self.accesses, self.earlier):
            for access in accesses:
                if clock[access.actor] < access.count:
                    return False
        return True

    def settle(self) -> None:
        """Notes become accesses, but for those that later ones hide."""
        reads, writes = self.reads, self.writes
        if not reads and not writes:
            return
        self.reads, self.writes = [], []
        accesses = [*self.accesses]
        # Mostly the last ones touch all of the storage: then those before need not be looked at.
        if writes and self._is_whole(writes[-1].row.writes):
            del writes[:-1]
            reads = _since(reads, writes[0].number)
            accesses = []
        if reads and self._is_whole(reads[-1].row.reads):
            del reads[:-1]
            accesses = [access for access in accesses if access.writes]
        reading, writing = {note.number: note for note in reads}, {note.number: note for note in writes}
        for number in sorted(reading | writing):
            made: list[Access] = []
            if number in reading:
                made += _accesses(reading[number], False, self.made.storage)
            if number in writing:
                made += _accesses(writing[number], True, self.made.storage)
            for access in made:
                accesses = [old for old in accesses if not _hides(access, old)]
            accesses += made
        self.accesses = accesses

    def _is_whole(self, spans: Sequence[Span]) -> bool:
        """Is one of them all of the storage?"""
        number = self.made.storage
        return any(
            span.storage == number and span.low <= 0 and span.high >= self.end and not span.steps for span in spans
        )


def _since(notes: list[_Note], number: int) -> list[_Note]:
    """Those of that row and later ones."""
    first = len(notes)
    while first and notes[first - 1].number >= number:
        first -= 1
    return notes[first:]


def _accesses(note: _Note, writes: bool, storage: int) -> list[Access]:
    """What was noted there, of one storage."""
    row = note.row
    return [_access(note, span, writes) for span in (row.writes if writes else row.reads) if span.storage == storage]


def _access(note: _Note, span: Span, writes: bool) -> Access:
    row = note.row
    return Access(note.actor, note.count, span, writes, note.number, row.name, row.at, row.t)


def _hides(new: Access, old: Access) -> bool:
    """Will whatever races with ``old`` from now on race with ``new``, too? ``old`` is known to who does ``new``, or part of
    the same."""
    if (old.writes and not new.writes) or new.row == old.row:
        return False
    return old.span is new.span or covers(new.span, old.span)


@dataclass(frozen=True, slots=True)
class _Freed:
    """A storage that was freed while accesses could still go on; nothing has got its memory yet."""

    made: rows.Alloc
    thread: int
    row: int
    accesses: list[Access]
    waited: Clock
    """What the allocator waits for before it gives the memory away."""


class Checker:
    """Feed it rows in order, then :meth:`finish`; ``hazards`` grows.

    Every pair of unordered accesses is a hazard, but what a later access that is ordered after it covers is forgotten; who
    races is found all the same.
    """

    def __init__(self) -> None:
        self.order = Order()
        self.hazards: list[Hazard] = []
        self.storages: dict[int, _Storage] = {}
        self._freed: dict[int, list[tuple[int, int, list[Access], Clock]]] = {}
        """By device: (address, end, accesses that may still go on, what the allocator has waited for)."""
        self._pending: dict[tuple[int, int], list[_Freed]] = {}
        """By device and stream, what was freed since memory was last made for that stream."""
        self._unrecorded: dict[int, list[tuple[int, Epoch]]] = {}
        """By event that was not recorded so far, the waits for it: the row, and when that was."""
        self._count = 0
        self._next_sweep = _ROWS_BETWEEN_SWEEPS

    def feed(self, row: rows.AnyRow) -> None:
        self._feed((row,))

    def feed_all(self, given: Iterable[rows.AnyRow]) -> list[Hazard]:
        rest = iter(given)
        while some := [*islice(rest, _ROWS_BETWEEN_SWEEPS)]:
            self._feed(some)
        self.finish()
        return self.hazards

    def _feed(self, some: Sequence[rows.AnyRow]) -> None:
        handlers = _HANDLERS
        for number, row in enumerate(some, self._count):
            handlers[type(row)](self, row, number)
        self._count += len(some)
        if self._count >= self._next_sweep:
            self._sweep()

    def finish(self) -> None:
        """The run is over. An event that is recorded later than it is first waited for is an empty one until then: a ring
        of buffers may rely on that. One that nobody ever records is a mistake."""
        for event, waits in self._unrecorded.items():
            for number, _ in waits:
                self.hazards.append(Hazard("event", None, None, row=number, event=event, waited="never recorded"))
        for freed in [each for pending in self._pending.values() for each in pending]:
            self._look_at_freed(freed, freed.thread)
        self._unrecorded.clear()
        self._pending.clear()
        self.hazards.sort(key=lambda hazard: hazard.row)

    # Accesses.

    def _sweep(self) -> None:
        self._next_sweep = self._count + max(_ROWS_BETWEEN_SWEEPS, len(self.storages))
        for storage in self.storages.values():
            if len(storage.reads) + len(storage.writes) > _FEW_NOTES:
                storage.settle()

    def _storage(self, number: int) -> _Storage:
        found = self.storages.get(number)
        if found is None:
            made = rows.Alloc(storage=number)
            found = self.storages[number] = _Storage(made, made.stream, made.size)
        return found

    def _launch(self, row: rows.Launch, number: int) -> None:
        stream = row.stream
        self._touch(_Note(stream, self.order.queue(row.t, stream), number, row), row, stream)

    def _host_access(self, row: rows.HostAccess, number: int) -> None:
        actor = host(row.t)
        self._touch(_Note(actor, self.order.act(row.t), number, row), row, actor)

    def _touch(self, note: _Note, row: rows.Launch | rows.HostAccess, actor: int) -> None:
        storages = self.storages
        for span in row.reads:
            storage = storages.get(span.storage)
            if storage is None or storage.owner != actor or span.high > storage.end:
                storage = self._hand_over(note, span, False)
            if storage is not None:
                storage.reads.append(note)
        for span in row.writes:
            storage = storages.get(span.storage)
            if storage is None or storage.owner != actor or span.high > storage.end:
                storage = self._hand_over(note, span, True)
            if storage is not None:
                storage.writes.append(note)

    def _hand_over(self, note: _Note, span: Span, writes: bool) -> _Storage | None:
        """The storage of the span, if the actor has come to own it: the span is to be noted. Else it is compared with what
        is there."""
        storage, actor = self._storage(span.storage), note.actor
        if span.high > storage.end:
            storage.end = span.high
        if storage.owner == actor:
            return storage
        clock, accesses = self.order.clocks[actor], storage.accesses
        # What a row does to one storage is all noted, or all compared.
        begun = storage.owner is None and accesses and accesses[-1].row == note.number
        if not begun and storage.known(clock):
            storage.owner = actor
            return storage
        storage.settle()
        storage.owner = None
        self._compare(storage, note, span, writes, clock)
        return None

    def _compare(self, storage: _Storage, note: _Note, span: Span, writes: bool, clock: Clock) -> None:
        """What a row reads and writes does not race with itself: it is known to who does it."""
        access = _access(note, span, writes)
        kept: list[Access] = []
        for old in storage.accesses:
            if clock[old.actor] < old.count:
                if (writes or old.writes) and overlap(old.span, span):
                    self.hazards.append(Hazard("race", old, access, span.storage, note.number))
            elif _hides(access, old):
                continue
            kept.append(old)
        kept.append(access)
        storage.accesses = kept
        if storage.earlier:
            self._reuse(storage, access, clock)

    def _reuse(self, storage: _Storage, access: Access, clock: Clock) -> None:
        """Another storage lived here: its spans count from its own beginning, so all of the memory is taken for touched."""
        kept: list[Access] = []
        for first in storage.earlier:
            if (first.writes or access.writes) and clock[first.actor] < first.count:
                self.hazards.append(Hazard("reuse", first, access, first.span.storage, access.row))
            else:
                kept.append(first)
        storage.earlier = kept

    # Memory.

    def _make(self, row: rows.Alloc, number: int) -> None:
        if self._pending:
            for freed in self._pending.pop((row.device, row.stream), ()):
                self._look_at_freed(freed, row.t)
        storage = self.storages[row.storage] = _Storage(row, row.stream, row.size)
        if self._freed.get(row.device):
            self._inherit(storage, row)

    def _inherit(self, storage: _Storage, row: rows.Alloc) -> None:
        """What may still be done to the memory that the storage gets."""
        earlier: list[Access] = []
        kept: list[tuple[int, int, list[Access], Clock]] = []
        for address, end, accesses, waited in self._freed[row.device]:
            if row.address < 0 or row.address >= end or row.address + row.size <= address:
                kept.append((address, end, accesses, waited))
                continue
            earlier += accesses
            # The allocator has looked whether the recorded streams are done before it gave the memory out again.
            self.order.learn(row.t, waited.values())
            kept += [
                (low, high, accesses, waited)
                for low, high in ((address, row.address), (row.address + row.size, end))
                if low < high
            ]
        self._freed[row.device] = kept
        if earlier:
            storage.earlier, storage.owner = earlier, None

    def _free(self, row: rows.Free, number: int) -> None:
        found = self.storages.pop(row.storage, None)
        if found is None:
            return
        made = found.made
        owner = found.owner
        # All that was done to it is over for the stream that gets the memory, or the allocator waits for it.
        if made.device < 0 or owner == made.stream or owner in found.recorded:
            return
        order = self.order
        if found.known(order.clock(made.stream)) or found.known(order.clock(host(row.t))):
            return
        found.settle()
        waited = dict.fromkeys(order.clocks, 0)
        for stream in found.recorded:
            merge(waited, order.clock(stream).values())
        freed = _Freed(made, row.t, number, [*found.earlier, *found.accesses], waited)
        going_on = self._going_on(freed, row.t)
        if not going_on:
            return
        self._pending.setdefault((made.device, made.stream), []).append(freed)
        if made.address >= 0:
            self._freed.setdefault(made.device, []).append((made.address, made.address + made.size, going_on, waited))

    def _going_on(self, freed: _Freed, thread: int) -> list[Access]:
        """The accesses that may go on when host thread ``thread`` gives the memory away. Whoever asked for an access had
        a reference until the free, which its count orders: what that thread has waited for is over."""
        order, stream = self.order, freed.made.stream
        clocks = (order.foreseen(stream), order.clock(host(thread)), order.clock(host(freed.thread)), freed.waited)
        return [
            access
            for access in freed.accesses
            if max(clock.get(access.actor, 0) for clock in (*clocks, order.clock(host(access.thread)))) < access.count
        ]

    def _look_at_freed(self, freed: _Freed, thread: int) -> None:
        """The memory may be given away now."""
        for access in self._going_on(freed, thread):
            self.hazards.append(Hazard("reuse", access, None, freed.made.storage, freed.row))

    def _record_stream(self, row: rows.RecordStream, number: int) -> None:
        storage = self._storage(row.storage)
        if row.stream not in storage.recorded:
            storage.recorded = (*storage.recorded, row.stream)

    # Events.

    def _record(self, row: rows.RecordEvent, number: int) -> None:
        self.order.record(row.t, row.event, row.stream, number)
        if not self._unrecorded:
            return
        # The first record of an event that was waited for before: in that order whatever the schedule?
        for wait, epoch in self._unrecorded.pop(row.event, ()):
            if not self.order.before(epoch, host(row.t)):
                found = Hazard("event", None, None, row=wait, event=row.event, waited="unordered", recorded=number)
                self.hazards.append(found)

    def _wait(self, row: rows.WaitEvent, number: int) -> None:
        waited = self.order.wait(row.t, row.stream, row.event)
        if waited != "ordered":
            self._look_at_event(waited, row.event, row.t, number)

    def _event_done(self, row: rows.EventDone, number: int) -> None:
        waited = self.order.event_done(row.t, row.event)
        if waited != "ordered":
            self._look_at_event(waited, row.event, row.t, number)

    def _look_at_event(self, waited: Waited, event: int, thread: int, number: int) -> None:
        if waited == "never recorded":
            self._unrecorded.setdefault(event, []).append((number, (host(thread), self.order.act(thread))))
        else:
            known = self.order.events.get(event)
            recorded = -1 if known is None else known.row
            self.hazards.append(Hazard("event", None, None, row=number, event=event, waited=waited, recorded=recorded))

    # What is for the order alone.

    def _stream_done(self, row: rows.StreamDone, number: int) -> None:
        self.order.stream_done(row.t, row.stream)

    def _device_done(self, row: rows.DeviceDone, number: int) -> None:
        self.order.device_done(row.t, row.device)

    def _new_stream(self, row: rows.NewStream, number: int) -> None:
        self.order.new_stream(row.stream, row.device, row.kind)

    def _send(self, row: rows.Send, number: int) -> None:
        self.order.send(row.t, row.token)

    def _receive(self, row: rows.Receive, number: int) -> None:
        self.order.receive(row.t, row.token)

    def _new_thread(self, row: rows.NewThread, number: int) -> None:
        """It has done nothing yet."""


class _Handlers(dict[type[rows.Row], Callable[[Checker, Any, int], None]]):
    """What is done with a row, by its type; a look-up is faster than a comparison with each."""

    def __missing__(self, kind: type[rows.Row]) -> Callable[[Checker, Any, int], None]:
        found = self[kind] = self[kind.__mro__[1]]
        return found


_HANDLERS = _Handlers(
    {
        rows.Launch: Checker._launch,
        rows.HostAccess: Checker._host_access,
        rows.RecordEvent: Checker._record,
        rows.WaitEvent: Checker._wait,
        rows.EventDone: Checker._event_done,
        rows.StreamDone: Checker._stream_done,
        rows.DeviceDone: Checker._device_done,
        rows.NewStream: Checker._new_stream,
        rows.Alloc: Checker._make,
        rows.Free: Checker._free,
        rows.RecordStream: Checker._record_stream,
        rows.Send: Checker._send,
        rows.Receive: Checker._receive,
        rows.NewThread: Checker._new_thread,
    }
)


def hazards_of(given: Iterable[rows.AnyRow]) -> list[Hazard]:
    """All hazards of a run."""
    return Checker().feed_all(given)
