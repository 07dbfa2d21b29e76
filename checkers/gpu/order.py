"""What comes before what on devices and host threads: vector clocks over both, by the rules of the CUDA runtime.

It knows streams, events and host threads, and nothing of memory. An action is an *epoch*: who did it, and its number
there.

Sources: the CUDA runtime's documentation of ``cudaEventRecord``, ``cudaStreamWaitEvent`` and of stream synchronization
behavior. An event holds what its stream had to do when it was recorded, a wait uses the last record made before the wait
was issued, and an event that was never recorded holds nothing. The legacy default stream waits for all blocking streams
before each of its actions and they wait for it; non-blocking streams take no part. Allocations and frees order nothing:
that some of them happen to synchronize is not promised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ...simcore.gpu.rows import StreamKind

Epoch = tuple[int, int]
"""An actor (a stream's number, or ``-1 - thread`` for a host thread) and the number of its action."""
Clock = dict[int, int]
"""By actor, its last action that is known to have happened: 0 for none. All clocks have the same actors in the same order,
but for those that an older one does not have yet, which are the last."""
Counts = tuple[int, ...]
"""A clock that changes no more, in little memory: its numbers."""
Waited = Literal["ordered", "unordered", "never recorded"]


def host(thread: int) -> int:
    """The actor that a host thread is."""
    return -1 - thread


def merge(into: Clock, other: Iterable[int]) -> bool:
    """Was there anything new in the numbers of the other clock?"""
    new = False
    for actor, mine, count in zip(into, into.values(), other, strict=False):
        if mine < count:
            into[actor] = count
            new = True
    return new


class _Clocks(dict[int, Clock]):
    """By actor, what it knows. Who is asked for is there."""

    def __missing__(self, actor: int) -> Clock:
        for clock in self.values():
            clock[actor] = 0
        made = self[actor] = dict.fromkeys((*self, actor), 0)
        return made


class _Event(msgspec.Struct, frozen=True, gc=False):
    """What an event holds. Nobody says when it is waited for no longer, and programs make millions."""

    counts: Counts
    stream: int
    count: int
    """Of the stream's actions, the record: who knows of it knows of all that the event holds."""
    recorder: int
    """The host thread that recorded it, as an actor, and by which of its actions."""
    recorded: int
    row: int
    """Where the caller says that was."""


@dataclass(slots=True)
class Order:
    """Who knows of what. Streams that were not made known are non-blocking ones of device 0."""

    clocks: _Clocks = field(default_factory=_Clocks)
    events: dict[int, _Event] = field(default_factory=dict[int, _Event])
    tokens: dict[int, Counts] = field(default_factory=dict[int, Counts])
    devices: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    legacy: dict[int, int] = field(default_factory=dict[int, int])
    """By device, its legacy default stream."""
    blocking: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By device, the streams that its legacy one waits for, and that wait for it."""
    device_of: dict[int, int] = field(default_factory=dict[int, int])
    _linked: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """By stream, those that each of its actions waits for without being told: of a legacy one the blocking ones, of a
    blocking one the legacy one. Others have none."""
    _told: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict[int, set[int]](set))
    """By host thread, the streams that know all that it knows, and wait for no others without being told."""
    _taught: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict[int, set[int]](set))
    """By host thread, the streams that know all that it has learnt of others."""

    def clock(self, actor: int) -> Clock:
        return self.clocks[actor]

    def before(self, epoch: Epoch, actor: int) -> bool:
        """Does the action come before all that the actor will do next?"""
        return self.clocks[actor][epoch[0]] >= epoch[1]

    def new_stream(self, stream: int, device: int, kind: StreamKind) -> None:
        self.device_of[stream] = device
        self.devices.setdefault(device, set()).add(stream)
        if kind == "legacy":
            self.legacy[device] = stream
        elif kind != "non-blocking":
            self.blocking.setdefault(device, set()).add(stream)
        default, others = self.legacy.get(device), self.blocking.get(device, set())
        if default is not None and others:
            self._linked[default] = sorted(others)
            self._linked |= {other: [default] for other in others}
            self._told.clear()

    # Actions of streams.

    def queue(self, thread: int, stream: int) -> int:
        """The host thread queues something on the stream: which of its actions that is."""
        if stream not in self._told[thread]:
            self._reach(thread, stream)
        clock = self.clocks[stream]
        count = clock[stream] = clock[stream] + 1
        if stream in self._linked:
            self._hold_others_up(stream)
        return count

    def _hold_others_up(self, stream: int) -> None:
        """After an action on a legacy stream "all blocking streams wait on" it, whether they are given work or not."""
        if stream in self._linked and self.legacy.get(self.device_of[stream]) == stream:
            for other in self._linked[stream]:
                merge(self.clocks[other], self.clocks[stream].values())

    def foreseen(self, stream: int) -> Clock:
        """What the stream will know when it does something next, whoever asks it to."""
        clock = dict(self.clocks[stream])
        for other in self._linked.get(stream, ()):
            merge(clock, self.clocks[other].values())
        return clock

    def _reach(self, thread: int, stream: int) -> None:
        """What the host thread knows, the stream knows from here on; and what it waits for without being told."""
        actor = -1 - thread
        mine, clock = self.clocks[actor], self.clocks[stream]
        taught = self._taught[thread]
        if stream in taught:
            # Only the thread's own actions can be new.
            clock[actor] = mine[actor]
        else:
            merge(clock, mine.values())
            taught.add(stream)
        if stream not in self.device_of:
            self.new_stream(stream, 0, "non-blocking")
        linked = self._linked.get(stream)
        if linked is None:
            self._told[thread].add(stream)
            return
        for other in linked:
            merge(clock, self.clocks[other].values())

    def record(self, thread: int, event: int, stream: int, row: int = -1) -> None:
        if stream not in self._told[thread]:
            self._reach(thread, stream)
        self._hold_others_up(stream)
        clock = self.clocks[stream]
        # An action of its own, so that whoever knows of it knows of all that the stream knew then.
        count = clock[stream] = clock[stream] + 1
        self.events[event] = _Event(tuple(clock.values()), stream, count, -1 - thread, self.act(thread), row)

    def wait(self, thread: int, stream: int, event: int) -> Waited:
        """The stream waits for the event; says how the record and this wait are ordered on the host."""
        found = self.events.get(event)
        if found is None:
            return "never recorded"
        if stream not in self._told[thread]:
            self._reach(thread, stream)
        clock = self.clocks[stream]
        if clock[found.stream] < found.count:
            merge(clock, found.counts)
        self._hold_others_up(stream)
        return "ordered" if self.clocks[-1 - thread][found.recorder] >= found.recorded else "unordered"

    # Actions of host threads.

    def act(self, thread: int) -> int:
        """The host thread does something itself: which of its actions that is."""
        actor = -1 - thread
        clock = self.clocks[actor]
        count = clock[actor] = clock[actor] + 1
        self._told[thread].clear()
        return count

    def learn(self, thread: int, counts: Iterable[int]) -> None:
        """All of that has happened before what the host thread does next."""
        if merge(self.clocks[-1 - thread], counts):
            self._told[thread].clear()
            self._taught[thread].clear()

    def event_done(self, thread: int, event: int) -> Waited:
        found = self.events.get(event)
        if found is None:
            return "never recorded"
        mine = self.clocks[-1 - thread]
        ordered = mine[found.recorder] >= found.recorded
        if mine[found.stream] < found.count:
            self.learn(thread, found.counts)
        return "ordered" if ordered else "unordered"

    def stream_done(self, thread: int, stream: int) -> None:
        device = self.device_of.get(stream, 0)
        self.learn(thread, self.clocks[stream].values())
        if self.legacy.get(device) == stream:
            for other in self.blocking.get(device, ()):
                self.learn(thread, self.clocks[other].values())

    def device_done(self, thread: int, device: int) -> None:
        for stream in self.devices.get(device, ()):
            self.learn(thread, self.clocks[stream].values())

    def send(self, thread: int, token: int) -> None:
        sent, mine = self.tokens.get(token, ()), tuple(self.clocks[-1 - thread].values())
        self.tokens[token] = (*map(max, sent, mine), *mine[len(sent) :])
        self.act(thread)

    def receive(self, thread: int, token: int) -> None:
        self.learn(thread, self.tokens.get(token, ()))
