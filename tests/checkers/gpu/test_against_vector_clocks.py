"""The checker against one that forgets nothing: every access is kept, and compared with every later one by vector clocks.

The checker forgets what a later access hides, and only notes what the owner of a storage does; what it finds must be
found here, and whoever races, or touches memory too early, must be found there. Here are frees and reuse, too, which
:mod:`test_against_reachability` leaves out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from weft.checkers.gpu import hazards
from weft.checkers.gpu.hazards import Checker, hazards_of
from weft.checkers.gpu.spans import overlap
from weft.simcore.gpu import rows
from weft.simcore.gpu.rows import Span

LEGACY, BLOCKING, SIZE = 0, (1, 2), 8
KINDS: dict[int, rows.StreamKind] = {0: "legacy", 1: "blocking", 2: "per-thread", 3: "non-blocking", 4: "non-blocking"}
PROGRAMS = 3000
BATCHES = 10


def drawn_span(chance: Random, storage: int) -> Span:
    kind = chance.random()
    if kind < 0.6:
        return Span(storage, 0, SIZE)
    low = chance.randrange(SIZE)
    if kind < 0.9:
        return Span(storage, low, chance.randint(low + 1, SIZE + 2))
    return Span(storage, low % 2, low % 2 + 6, 2, ((2, 4),))


def drawn(chance: Random) -> list[rows.AnyRow]:
    """A program: storages come and go, host threads and streams use them as they like.

    Streams are recorded by programs with one host thread only, and for storages in fresh memory. Otherwise an access that
    is forgotten or not may decide whether the allocator has waited, and the two would rightly differ in what comes later.
    """
    threads = chance.choice([1, 1, 2, 3])
    streams = chance.sample(sorted(KINDS), chance.randint(2, 5))
    weights = [chance.choice([6, 15]), 1, 3, 4, 1, chance.choice([0.2, 1]), 0.2, 2, 2, 3, 2, 1]
    live: dict[int, int] = {}
    used: list[int] = []
    fresh: set[int] = set()
    made = 0
    given: list[rows.AnyRow] = [rows.NewStream(stream=stream, kind=kind) for stream, kind in KINDS.items()]
    for _ in range(chance.choice([15, 40, 100])):
        thread, stream, event, token = chance.randrange(threads), chance.choice(streams), chance.randrange(3), 0
        spans = [[drawn_span(chance, each) for each in live if chance.random() < 0.4] for _ in range(2)]
        reads, writes = (*spans[0],), (*spans[1],)
        match chance.choices(range(12), weights=weights)[0]:
            case 0:
                given.append(rows.Launch(t=thread, stream=stream, name="op", reads=reads, writes=writes))
            case 1:
                given.append(rows.HostAccess(t=thread, name="host", reads=reads, writes=writes))
            case 2:
                given.append(rows.RecordEvent(t=thread, stream=stream, event=event))
            case 3:
                given.append(rows.WaitEvent(t=thread, stream=stream, event=event))
            case 4:
                given.append(rows.EventDone(t=thread, event=event))
            case 5:
                given.append(rows.StreamDone(t=thread, stream=stream))
            case 6:
                given.append(rows.DeviceDone(t=thread))
            case 7:
                given.append(rows.Send(t=thread, token=token))
            case 8:
                given.append(rows.Receive(t=thread, token=token))
            case 9 if len(live) < 4:
                free = [address for address in used if address not in live.values()]
                if not free or chance.random() < 0.3:
                    fresh.add(made)
                    used.append(len(used) * SIZE)
                    free = used[-1:]
                live[made] = chance.choice(free)
                given.append(rows.Alloc(t=thread, storage=made, stream=stream, address=live[made], size=SIZE))
                made += 1
            case 10 if live:
                storage = chance.choice([*live])
                del live[storage]
                given.append(rows.Free(t=thread, storage=storage))
            case 11 if threads == 1 and fresh & live.keys():
                storage = chance.choice(sorted(fresh & live.keys()))
                given.append(rows.RecordStream(t=thread, storage=storage, stream=stream))
            case _:
                pass
    return given


Clock = dict[int, int]


@dataclass(eq=False)
class Touch:
    actor: int
    count: int
    row: int
    thread: int
    span: Span
    writes: bool


@dataclass
class Memory:
    """A storage, with all that was ever done to it."""

    made: Any
    touches: list[Touch] = field(default_factory=list[Touch])
    earlier: list[Touch] = field(default_factory=list[Touch])
    inherited: bool = False
    recorded: set[int] = field(default_factory=set[int])


def join(*clocks: Clock) -> Clock:
    return {actor: max(clock.get(actor, 0) for clock in clocks) for actor in {key for clock in clocks for key in clock}}


@dataclass
class Everything:
    """The checker that forgets nothing."""

    clocks: defaultdict[int, Clock] = field(default_factory=lambda: defaultdict[int, Clock](dict))
    events: dict[int, Clock] = field(default_factory=dict[int, Clock])
    sent: Clock = field(default_factory=dict[int, int])
    storages: dict[int, Memory] = field(default_factory=dict[int, Memory])
    freed: list[tuple[Memory, list[Touch], Clock]] = field(default_factory=list[tuple[Memory, list[Touch], Clock]])
    """Whose memory nobody has yet: what may still be done to it, and what the allocator waits for."""
    pending: list[tuple[Memory, list[Touch], Clock, Any, int]] = field(default_factory=list[Any])
    races: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    latent: set[int] = field(default_factory=set[int])
    """Rows of frees."""
    inherited: set[int] = field(default_factory=set[int])
    """Rows of frees of storages that had got memory to which something may still be done."""
    confirmed: dict[int, set[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict[int, set[tuple[int, int]]](set)
    )
    """By storage."""
    third: set[int] = field(default_factory=set[int])
    """Storages with memory of one that had inherited. What is confirmed for that one is not told again for these."""

    def learn(self, actor: int, *clocks: Clock) -> None:
        self.clocks[actor] = join(self.clocks[actor], *clocks)

    def knows(self, clock: Clock, touch: Touch) -> bool:
        return clock.get(touch.actor, 0) >= touch.count

    def foreseen(self, stream: int) -> Clock:
        linked = BLOCKING if stream == LEGACY else (LEGACY,) if stream in BLOCKING else ()
        return join(self.clocks[stream], *(self.clocks[other] for other in linked))

    def act(self, actor: int) -> int:
        count = self.clocks[actor][actor] = self.clocks[actor].get(actor, 0) + 1
        return count

    def queue(self, row: Any, *waited: Clock) -> int:
        self.act(-1 - row.t)
        self.clocks[row.stream] = join(self.foreseen(row.stream), self.clocks[-1 - row.t], *waited)
        count = self.act(row.stream)
        for other in BLOCKING if row.stream == LEGACY else ():
            self.learn(other, self.clocks[LEGACY])
        return count

    def feed(self, number: int, row: Any) -> None:
        host = -1 - row.t
        match row:
            case rows.Launch():
                self.touch(number, row, row.stream, self.queue(row))
            case rows.HostAccess():
                self.touch(number, row, host, self.act(host))
            case rows.RecordEvent():
                self.queue(row)
                self.events[row.event] = dict(self.clocks[row.stream])
            case rows.WaitEvent():
                if row.event in self.events:
                    self.queue(row, self.events[row.event])
            case rows.EventDone():
                self.learn(host, self.events.get(row.event, {}))
            case rows.StreamDone():
                done = (row.stream, *(BLOCKING if row.stream == LEGACY else ()))
                self.learn(host, *(self.clocks[stream] for stream in done))
            case rows.DeviceDone():
                self.learn(host, *(self.clocks[stream] for stream in KINDS))
            case rows.Send():
                self.sent = join(self.sent, self.clocks[host])
                self.act(host)
            case rows.Receive():
                self.learn(host, self.sent)
            case rows.Alloc():
                self.make(row, host)
            case rows.Free():
                self.free(number, row, host)
            case rows.RecordStream():
                self.storages[row.storage].recorded.add(row.stream)
            case _:
                pass

    def touch(self, number: int, row: Any, actor: int, count: int) -> None:
        clock = self.clocks[actor]
        for spans, writes in ((row.reads, False), (row.writes, True)):
            for span in spans:
                memory, new = self.storages[span.storage], Touch(actor, count, number, row.t, span, writes)
                for old in memory.touches:
                    if (old.writes or writes) and not self.knows(clock, old) and overlap(old.span, span):
                        self.races.add((old.row, number))
                for old in memory.earlier:
                    if (old.writes or writes) and not self.knows(clock, old):
                        self.confirmed[span.storage].add((old.row, number))
                memory.touches.append(new)

    def going_on(self, memory: Memory, touches: list[Touch], waited: Clock, *hosts: int) -> list[Touch]:
        clocks = [self.foreseen(memory.made.stream), waited, *(self.clocks[host] for host in hosts)]
        return [
            touch
            for touch in touches
            if not any(self.knows(clock, touch) for clock in (*clocks, self.clocks[-1 - touch.thread]))
        ]

    def make(self, row: Any, host: int) -> None:
        self.look_at_pending(row.stream, host)
        memory = self.storages[row.storage] = Memory(row)
        for entry in [entry for entry in self.freed if entry[0].made.address == row.address]:
            self.freed.remove(entry)
            memory.earlier += entry[1]
            memory.inherited = True
            if entry[0].inherited:
                self.third.add(row.storage)
            self.learn(host, entry[2])

    def free(self, number: int, row: Any, host: int) -> None:
        memory = self.storages.pop(row.storage)
        waited = join(*(self.clocks[stream] for stream in memory.recorded)) if memory.recorded else {}
        going_on = self.going_on(memory, [*memory.earlier, *memory.touches], waited, host)
        if memory.inherited:
            self.inherited.add(number)
        if going_on:
            self.freed.append((memory, going_on, waited))
            self.pending.append((memory, going_on, waited, host, number))

    def look_at_pending(self, stream: int | None, host: int | None) -> None:
        for entry in [each for each in self.pending if stream is None or each[0].made.stream == stream]:
            self.pending.remove(entry)
            memory, touches, waited, freed_by, number = entry
            if self.going_on(memory, touches, waited, freed_by, freed_by if host is None else host):
                self.latent.add(number)


def earliest(pairs: set[tuple[int, int]]) -> int:
    return min((later for _, later in pairs), default=-1)


def compare(given: Sequence[rows.AnyRow], threads: int) -> int:
    """How many hazards were found, all of them rightly and none too few."""
    expected = Everything()
    for number, row in enumerate(given):
        expected.feed(number, row)
    expected.look_at_pending(None, None)
    found = hazards_of(given)
    races = {(each.first.row, each.second.row) for each in found if each.kind == "race" and each.first and each.second}
    assert races <= expected.races, "a false alarm"
    assert {later for _, later in races} == {later for _, later in expected.races}, "whoever races is found"

    latent = {each.row for each in found if each.kind == "reuse" and each.second is None}
    assert latent <= expected.latent
    if threads == 1:  # else it matters who has waited: the thread of an access, or that of one that hides it
        assert expected.latent - expected.inherited <= latent

    confirmed: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for each in found:
        if each.kind == "reuse" and each.first and each.second:
            confirmed[each.second.span.storage].add((each.first.row, each.second.row))
    for storage, pairs in confirmed.items():
        assert pairs <= expected.confirmed[storage]
    if threads == 1:
        for storage in expected.confirmed.keys() - expected.third:
            assert earliest(confirmed[storage]) == earliest(expected.confirmed[storage])
    return len(found)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_found_is_what_one_that_forgets_nothing_finds(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sweeps come in the midst of the program, for which it would have to be much longer.
    monkeypatch.setattr(hazards, "_ROWS_BETWEEN_SWEEPS", (1 << 15, 1, 7)[batch % 3])
    monkeypatch.setattr(hazards, "_FEW_NOTES", (8, 0)[batch % 2])
    found = 0
    for seed in range(batch, PROGRAMS, BATCHES):
        given = drawn(Random(seed))
        threads = len({row.t for row in given})
        found += compare(given, threads)
    assert found > PROGRAMS / BATCHES


def kept(checker: Checker) -> int:
    """Notes and accesses in all."""
    return sum(
        len(storage.reads) + len(storage.writes) + len(storage.accesses) for storage in checker.storages.values()
    )


def test_a_long_run_in_order_leaves_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are read again and again, on two streams that wait for each other and on two that do not."""
    monkeypatch.setattr(hazards, "_ROWS_BETWEEN_SWEEPS", 64)
    weights, buffer = Span(0, 0, SIZE), Span(1, 0, SIZE)
    checker = Checker()
    checker.feed_all([rows.Alloc(storage=number, stream=1, size=SIZE) for number in (0, 1)])
    most = 0
    for turn in range(3_000):
        stream = 1 + turn % 2
        checker.feed(rows.WaitEvent(stream=stream, event=0) if turn else rows.StreamDone(stream=1))
        checker.feed(rows.Launch(stream=stream, name="op", reads=(weights,), writes=(buffer,)))
        checker.feed(rows.RecordEvent(stream=stream, event=0))
        checker.feed(rows.Launch(stream=3 + turn % 2, name="unordered", reads=(weights,)))
        most = max(most, kept(checker))
    assert checker.hazards == []
    assert most < 100


def test_a_storage_may_grow() -> None:
    """What was done beyond the end that it once had is not hidden by what touches all that there was then."""
    x, grown, beyond = Span(0, 0, SIZE), Span(0, 0, 2 * SIZE), Span(0, SIZE, 2 * SIZE)
    given: list[rows.AnyRow] = [
        rows.Alloc(storage=0, stream=1, size=SIZE),
        rows.Launch(stream=1, name="resize", writes=(grown,)),
        rows.Launch(stream=1, name="whole, once", writes=(x,)),
        rows.Launch(stream=2, name="unordered", reads=(beyond,)),
    ]
    (found,) = hazards_of(given)
    assert found.first is not None
    assert found.first.name == "resize"
