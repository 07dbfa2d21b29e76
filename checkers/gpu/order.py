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
from dataclasses import dataclass, field
from typing import Literal

from ...simcore.gpu.rows import StreamKind

Epoch = tuple[int, int]
"""An actor (a stream's number, or ``-1 - thread`` for a host thread) and the number of its action."""
Clock = dict[int, int]
"""By actor, its last action that is known to have happened."""
Waited = Literal["ordered", "unordered", "never recorded"]


def host(thread: int) -> int:
    """The actor that a host thread is."""
    return -1 - thread


def merge(into: Clock, other: Clock) -> None:
    for actor, count in other.items():
        if into.get(actor, 0) < count:
            into[actor] = count


@dataclass(slots=True)
class _Event:
    clock: Clock
    recorded: Epoch
    """By which action of a host thread."""
    stream: int
    row: int
    """Where the caller says that was."""


@dataclass(slots=True)
class Order:
    """Who knows of what. Streams that were not made known are non-blocking ones of device 0."""

    clocks: defaultdict[int, Clock] = field(default_factory=lambda: defaultdict[int, Clock](dict))
    events: dict[int, _Event] = field(default_factory=dict[int, _Event])
    tokens: dict[int, Clock] = field(default_factory=dict[int, Clock])
    devices: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    legacy: dict[int, int] = field(default_factory=dict[int, int])
    """By device, its legacy default stream."""
    blocking: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By device, the streams that its legacy one waits for, and that wait for it."""
    device_of: dict[int, int] = field(default_factory=dict[int, int])
    _linked: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """By stream, those that each of its actions waits for without being told: of a legacy one the blocking ones, of a
    blocking one the legacy one. Others have none."""
    _merged: dict[Epoch, int] = field(default_factory=dict[Epoch, int])
    """By stream and host thread, the version of the thread's clock that the stream has already."""
    _versions: dict[int, int] = field(default_factory=dict[int, int])
    """By host thread, how often it has learnt of others."""

    def clock(self, actor: int) -> Clock:
        return self.clocks[actor]

    def before(self, epoch: Epoch, actor: int) -> bool:
        """Does the action come before all that the actor will do next?"""
        return self.clocks[actor].get(epoch[0], 0) >= epoch[1]

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

    # Actions of streams.

    def queue(self, thread: int, stream: int) -> Epoch:
        """The host thread queues something on the stream: what that is, and what orders it."""
        clock = self._reach(thread, stream)
        count = clock[stream] = clock.get(stream, 0) + 1
        self._hold_others_up(stream)
        self.act(thread)
        return stream, count

    def _hold_others_up(self, stream: int) -> None:
        """After an action on a legacy stream "all blocking streams wait on" it, whether they are given work or not."""
        if stream in self._linked and self.legacy.get(self.device_of[stream]) == stream:
            for other in self._linked[stream]:
                merge(self.clocks[other], self.clocks[stream])

    def foreseen(self, stream: int) -> Clock:
        """What the stream will know when it does something next, whoever asks it to."""
        clock = dict(self.clocks[stream])
        for other in self._linked.get(stream, ()):
            merge(clock, self.clocks[other])
        return clock

    def _reach(self, thread: int, stream: int) -> Clock:
        """What the host thread knows, the stream knows from here on; and what it waits for without being told."""
        actor = -1 - thread
        mine, clock = self.clocks[actor], self.clocks[stream]
        version = self._versions.get(thread, 0)
        if self._merged.get((stream, thread)) == version:
            # Only the thread's own actions can be new.
            own = mine.get(actor, 0)
            if clock.get(actor, 0) < own:
                clock[actor] = own
        else:
            merge(clock, mine)
            self._merged[stream, thread] = version
        if stream not in self.device_of:
            self.new_stream(stream, 0, "non-blocking")
        for other in self._linked.get(stream, ()):
            merge(clock, self.clocks[other])
        return clock

    def record(self, thread: int, event: int, stream: int, row: int = -1) -> None:
        self._reach(thread, stream)
        self._hold_others_up(stream)
        self.events[event] = _Event(dict(self.clock(stream)), self.act(thread), stream, row)

    def wait(self, thread: int, stream: int, event: int) -> Waited:
        """The stream waits for the event; says how the record and this wait are ordered on the host."""
        found = self.events.get(event)
        if found is None:
            return "never recorded"
        self._reach(thread, stream)
        merge(self.clock(stream), found.clock)
        self._hold_others_up(stream)
        return "ordered" if self.before(found.recorded, host(thread)) else "unordered"

    # Actions of host threads.

    def act(self, thread: int) -> Epoch:
        """The host thread does something itself."""
        actor = -1 - thread
        clock = self.clocks[actor]
        count = clock[actor] = clock.get(actor, 0) + 1
        return actor, count

    def learn(self, thread: int, clock: Clock) -> None:
        """All of that has happened before what the host thread does next."""
        merge(self.clock(host(thread)), clock)
        self._versions[thread] = self._versions.get(thread, 0) + 1

    def event_done(self, thread: int, event: int) -> Waited:
        found = self.events.get(event)
        if found is None:
            return "never recorded"
        ordered = self.before(found.recorded, host(thread))
        self.learn(thread, found.clock)
        return "ordered" if ordered else "unordered"

    def stream_done(self, thread: int, stream: int) -> None:
        device = self.device_of.get(stream, 0)
        self.learn(thread, self.clock(stream))
        if self.legacy.get(device) == stream:
            for other in self.blocking.get(device, ()):
                self.learn(thread, self.clock(other))

    def device_done(self, thread: int, device: int) -> None:
        for stream in self.devices.get(device, ()):
            self.learn(thread, self.clock(stream))

    def send(self, thread: int, token: int) -> None:
        clock = self.tokens.setdefault(token, {})
        merge(clock, self.clock(host(thread)))
        self.act(thread)

    def receive(self, thread: int, token: int) -> None:
        self.learn(thread, self.tokens.get(token, {}))
