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


class Checker:
    """Feed it rows in order; ``hazards`` grows. Every pair of unordered accesses is a hazard, but what a later access
    that is ordered after it covers is forgotten; who races is found all the same."""

    def __init__(self) -> None:
        self.order = Order()
        self.hazards: list[Hazard] = []
        self.storages: dict[int, _Storage] = {}
        self._freed: dict[int, list[tuple[int, int, list[Access], Clock]]] = {}
        """By device: (address, end, accesses that may still go on, what the allocator has waited for)."""
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
            case rows.WaitEvent():
                self._look_at_event(order.wait(row.t, row.stream, row.event), row.event, number)
            case rows.EventDone():
                self._look_at_event(order.event_done(row.t, row.event), row.event, number)
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
        return self.hazards

    # Accesses.

    def _storage(self, number: int) -> _Storage:
        found = self.storages.get(number)
        if found is None:
            found = self.storages[number] = _Storage(rows.Alloc(storage=number))
        return found

    def _touch(self, epoch: Epoch, row: rows.Launch | rows.HostAccess, number: int) -> None:
        """What one action reads and writes does not race with itself."""
        clock = self.order.clock(epoch[0])
        made = [Access(epoch, span, False, number, row.name, row.at) for span in row.reads]
        made += [Access(epoch, span, True, number, row.name, row.at) for span in row.writes]
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
        clocks = (order.foreseen(made.stream), order.clock(host(row.t)), waited)
        going_on: list[Access] = []
        for access in [*found.earlier, *found.accesses]:
            actor, count = access.epoch
            known = max(clock.get(actor, 0) for clock in clocks)
            if known < count:
                going_on.append(access)
                self.hazards.append(Hazard("reuse", access, None, row.storage, number))
        if made.address >= 0 and going_on:
            self._freed.setdefault(made.device, []).append((made.address, made.address + made.size, going_on, waited))

    def _look_at_event(self, waited: Waited, event: int, number: int) -> None:
        if waited != "ordered":
            known = self.order.events.get(event)
            recorded = -1 if known is None else known.row
            self.hazards.append(Hazard("event", None, None, row=number, event=event, waited=waited, recorded=recorded))


def hazards_of(given: Iterable[rows.AnyRow]) -> list[Hazard]:
    """All hazards of a run."""
    return Checker().feed_all(given)
