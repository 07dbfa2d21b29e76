"""Hazards in a run's rows: what touches the same bytes unordered, memory reused too early, events that race.

It keeps, for each storage, the accesses that something later may still race with. Who is ordered with whom is asked of
:mod:`order`; what a hazard reads like in a report is for others.

Memory that is given back is used again for the stream it was made for, without waiting for any other: that is what
torch's caching allocator does. What other streams may still do with it then is a *latent* hazard, and a *confirmed* one
once something else lives there and is touched. ``record_stream`` makes the allocator wait for that stream's work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ...simcore.gpu import rows
from ...simcore.gpu.rows import Span
from .order import Clock, Epoch, Order, Waited, host, merge
from .spans import covers, overlap

Kind = Literal["race", "reuse", "event"]


@dataclass(slots=True, eq=False)
class Access:
    """Something touched a span. ``row`` is its number. Two are the same only as objects; nothing changes one."""

    epoch: Epoch
    span: Span
    writes: bool
    row: int
    name: str
    at: str
    thread: int = 0
    """The host thread that asked for it, or did it."""

    @property
    def actor(self) -> int:
        return self.epoch[0]


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


@dataclass(slots=True)
class _Storage:
    """One storage, as long as it lives and after."""

    made: rows.Alloc
    accesses: list[Access] = field(default_factory=list[Access])
    recorded: set[int] = field(default_factory=set[int])
    """Streams of ``record_stream``."""
    earlier: list[Access] = field(default_factory=list[Access])
    """Accesses to what lived here before, that may still go on."""


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

    def feed(self, row: rows.AnyRow) -> None:
        order, number = self.order, self._count
        self._count += 1
        match row:
            case rows.Launch():
                self._touch(order.queue(row.t, row.stream), row, number)
            case rows.HostAccess():
                self._touch(order.act(row.t), row, number)
            case rows.RecordEvent():
                order.record(row.t, row.event, row.stream, number)
                self._recorded(row, number)
            case rows.WaitEvent():
                self._look_at_event(order.wait(row.t, row.stream, row.event), row.event, row.t, number)
            case rows.EventDone():
                self._look_at_event(order.event_done(row.t, row.event), row.event, row.t, number)
            case rows.StreamDone():
                order.stream_done(row.t, row.stream)
            case rows.DeviceDone():
                order.device_done(row.t, row.device)
            case rows.NewStream():
                order.new_stream(row.stream, row.device, row.kind)
            case rows.Alloc():
                self._make(row)
            case rows.Free():
                self._free(row, number)
            case rows.RecordStream():
                self._storage(row.storage).recorded.add(row.stream)
            case rows.Send():
                order.send(row.t, row.token)
            case rows.Receive():
                order.receive(row.t, row.token)
            case rows.NewThread():
                pass

    def feed_all(self, given: Iterable[rows.AnyRow]) -> list[Hazard]:
        for row in given:
            self.feed(row)
        self.finish()
        return self.hazards

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

    def _storage(self, number: int) -> _Storage:
        found = self.storages.get(number)
        if found is None:
            found = self.storages[number] = _Storage(rows.Alloc(storage=number))
        return found

    def _touch(self, epoch: Epoch, row: rows.Launch | rows.HostAccess, number: int) -> None:
        """What one action reads and writes does not race with itself."""
        clock = self.order.clock(epoch[0])
        made = [Access(epoch, span, False, number, row.name, row.at, row.t) for span in row.reads]
        made += [Access(epoch, span, True, number, row.name, row.at, row.t) for span in row.writes]
        for access in made:
            storage = self._storage(access.span.storage)
            for first in storage.accesses:
                conflict = first.writes or access.writes
                if conflict and clock.get(first.epoch[0], 0) < first.epoch[1] and overlap(first.span, access.span):
                    self.hazards.append(Hazard("race", first, access, access.span.storage, number))
            if not storage.earlier:
                continue
            # Another storage: its spans count from its own beginning, so all of the memory is taken for touched.
            kept: list[Access] = []
            for first in storage.earlier:
                if (first.writes or access.writes) and not self.order.before(first.epoch, access.actor):
                    self.hazards.append(Hazard("reuse", first, access, first.span.storage, number))
                else:
                    kept.append(first)
            storage.earlier = kept
        for access in made:
            accesses = self.storages[access.span.storage].accesses
            if accesses:
                accesses[:] = [kept for kept in accesses if not self._hidden(kept, access, clock)]
            accesses.append(access)

    @staticmethod
    def _hidden(old: Access, new: Access, clock: Clock) -> bool:
        """Will whatever races with ``old`` from now on race with ``new``, too? ``clock`` is of who does ``new``."""
        actor, count = old.epoch
        if clock.get(actor, 0) < count or (old.writes and not new.writes) or old.epoch == new.epoch:
            return False
        return old.span is new.span or covers(new.span, old.span)

    # Memory.

    def _make(self, row: rows.Alloc) -> None:
        for freed in self._pending.pop((row.device, row.stream), ()):
            self._look_at_freed(freed, row.t)
        storage = self.storages[row.storage] = _Storage(row)
        kept: list[tuple[int, int, list[Access], Clock]] = []
        for address, end, accesses, waited in self._freed.get(row.device, []):
            if row.address < 0 or row.address >= end or row.address + row.size <= address:
                kept.append((address, end, accesses, waited))
                continue
            storage.earlier += accesses
            # The allocator has looked whether the recorded streams are done before it gave the memory out again.
            self.order.learn(row.t, waited)
            kept += [
                (low, high, accesses, waited)
                for low, high in ((address, row.address), (row.address + row.size, end))
                if low < high
            ]
        self._freed[row.device] = kept

    def _free(self, row: rows.Free, number: int) -> None:
        found = self.storages.pop(row.storage, None)
        if found is None:
            return
        made = found.made
        if made.device < 0:
            return
        order = self.order
        waited: Clock = {}
        for stream in found.recorded:
            merge(waited, order.clock(stream))
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
            if max(clock.get(access.epoch[0], 0) for clock in (*clocks, order.clock(host(access.thread))))
            < access.epoch[1]
        ]

    def _look_at_freed(self, freed: _Freed, thread: int) -> None:
        """The memory may be given away now."""
        for access in self._going_on(freed, thread):
            self.hazards.append(Hazard("reuse", access, None, freed.made.storage, freed.row))

    def _recorded(self, row: rows.RecordEvent, number: int) -> None:
        """The first record of an event that was waited for before: in that order whatever the schedule?"""
        for wait, epoch in self._unrecorded.pop(row.event, ()):
            if not self.order.before(epoch, host(row.t)):
                found = Hazard("event", None, None, row=wait, event=row.event, waited="unordered", recorded=number)
                self.hazards.append(found)

    def _look_at_event(self, waited: Waited, event: int, thread: int, number: int) -> None:
        if waited == "never recorded":
            self._unrecorded.setdefault(event, []).append((number, self.order.act(thread)))
        elif waited != "ordered":
            known = self.order.events.get(event)
            recorded = -1 if known is None else known.row
            self.hazards.append(Hazard("event", None, None, row=number, event=event, waited=waited, recorded=recorded))


def hazards_of(given: Iterable[rows.AnyRow]) -> list[Hazard]:
    """All hazards of a run."""
    return Checker().feed_all(given)
