"""Streams that several host threads use: when the order in which they do so is a matter of the schedule.

What orders work on devices depends on what a thread finds on a stream when it records an event there, waits or
synchronizes. Two threads that do so unordered, or one that does and one that launches, may come in either order: then
these uses are steps of the schedule, as accesses to a raced variable are (:mod:`simcore.access`), from the next
exploration on. Launches alone commute: a stream is a queue, and who is first in it orders the same things; unless they
touch the same memory, when who is first decides what is computed.

A program with one stream, whose copies to and from the host block, has nothing else to order and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..dependency import Access
from ..trace import Op
from ..world import Operation, Primitive
from .rows import Alloc, Launch
from .tape import HOST, Stream, Tape

if TYPE_CHECKING:
    from ..explored import ExploredWorld


class SharedStream(Primitive):
    """A stream as an object of the schedule."""

    kind = "Stream"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def reset(self) -> None:
        """Its state is the tape's."""

    def given_name(self) -> str:
        kind = "default stream" if self.stream.kind == "legacy" else f"stream {self.stream.handle:#x}"
        return f"{kind} of cuda:{self.stream.device}"


class Give(Operation):
    """Something is launched on a stream."""

    __slots__ = ()
    op = Op.LAUNCH
    label = "launch"
    pending = done = int(Access.DEVICE_GIVE)

    def apply(self, thread: object) -> None:
        """The tape takes it down."""


class InOrder(Give):
    """The same, where the order of launches decides what is computed."""

    __slots__ = ()
    pending = done = int(Access.DEVICE_LOOK)


class Look(Operation):
    """What a stream has to do now counts: an event is recorded, somebody waits."""

    __slots__ = ()
    op = Op.STREAM_SYNC
    label = "synchronize"
    pending = done = int(Access.DEVICE_LOOK)

    def apply(self, thread: object) -> None:
        """The tape takes it down."""


_objects: dict[Stream, SharedStream] = {}
"""One for each stream in all executions, so that it has one number in all of them."""


class Sharing:
    """Who used which stream in one execution."""

    def __init__(self, world: ExploredWorld, tape: Tape) -> None:
        self._world = world
        self._tape = tape
        self._known: set[Stream] = set()
        self._gave: dict[Stream, dict[int, int]] = {}
        """By stream and thread index, the step count of its last launch."""
        self._looked: dict[Stream, dict[int, int]] = {}
        self._contended: set[str] = set()
        self._touched: dict[tuple[Stream, int], dict[tuple[int, bool], int]] = {}
        """By stream and storage: thread index and whether it wrote, with the step count of the last time."""
        self._raced: set[str] = set()
        """Streams on which the order of launches decides what is computed."""

    def __call__(self, stream: Stream, look: bool) -> None:
        """The running thread is about to use the stream."""
        world, monitor = self._world, self._world.accesses
        if monitor is None or world.closing:
            return
        group = _group(stream)
        if group in monitor.visible and len(world.threads) > 1:
            shared = _objects.setdefault(stream, SharedStream(stream))
            if stream not in self._known:
                self._known.add(stream)
                shared.adopt(world)
            ordered = InOrder if _values(stream) in monitor.visible else Give
            world.perform((Look if look else ordered)(shared))
        index, clocks = world.thread.index, monitor.clocks
        clock = clocks[index] if index < len(clocks) else {}
        gave, looked = self._gave.setdefault(stream, {}), self._looked.setdefault(stream, {})
        for others in (gave, looked) if look else (looked,):
            if any(who != index and clock.get(who, -1) < then for who, then in others.items()):
                self._contended.add(group)
        (looked if look else gave)[index] = world.step

    def launched(self, stream: Stream, storages: Iterable[tuple[int, bool]]) -> None:
        """The running thread has launched what reads these storages, or writes them (True)."""
        world, monitor = self._world, self._world.accesses
        if monitor is None or len(world.threads) == 1 or world.closing:
            return
        index, clocks = world.thread.index, monitor.clocks
        clock = clocks[index] if index < len(clocks) else {}
        for storage, write in storages:
            touched = self._touched.setdefault((stream, storage), {})
            for (who, wrote), then in touched.items():
                if who != index and (write or wrote) and clock.get(who, -1) < then:
                    self._raced |= {_group(stream), _values(stream)}
            touched[index, write] = world.step

    def finish(self) -> None:
        """The execution is over: what was contended for matters if there is something to order."""
        monitor = self._world.accesses
        if monitor is not None:
            monitor.fresh |= self._raced - monitor.visible
        if monitor is not None and self._contended and _orders_something(self._tape):
            monitor.fresh |= self._contended - monitor.visible


def _group(stream: Stream) -> str:
    return f"stream {stream.handle:#x} of cuda:{stream.device}"


def _values(stream: Stream) -> str:
    """The group that stands for the order of launches."""
    return f"launches on {_group(stream)}"


def _orders_something(tape: Tape) -> bool:
    if tape.streams > 1:
        return True
    host = {row.storage for row in tape.rows if isinstance(row, Alloc) and row.device == HOST}
    return any(
        isinstance(row, Launch) and any(span.storage in host for span in (*row.reads, *row.writes)) for row in tape.rows
    )
