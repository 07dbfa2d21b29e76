"""Byte channels inside one process: what ``os.pipe`` and ``socket.socketpair`` are made of, and waiting for several.

A channel knows its bytes, the steps that wrote them and how many ends are open; descriptors, sockets and files around
it are other rooms.

A write is one step that takes as many bytes as there is room for, and waits until there is room for ``ATOMIC_BYTES``,
so that shorter messages never mix (PIPE_BUF, pipe(7)). Deviation: Linux fills a pipe to its last byte, this one counts
as full when less than that is free.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from .. import world as _world
from ..dependency import Access
from ..threads import VirtualThread
from ..trace import Op
from ..world import Operation, Primitive, World

ATOMIC_BYTES = 4096
CAPACITY_BYTES = 65_536
"""What Linux gives a pipe (pipe(7)); socket pairs get the same."""
GAVE_UP = object()
"""What an operation returns when it gave up."""
_FIRST_BIT = 32
"""What operations on channels need has bits of its own, beyond those of ``Need``: steps on different channels may depend
on each other, and each must tell which of all waiting operations could have come before it."""


class Readiness(Primitive):
    """Waiting for several channels: one for all worlds, only an identity for the order of what happens to them.

    A channel that somebody has begun to wait for is *watched*; the order of steps on watched channels matters even
    when the channels differ, since whoever waits sees which became ready first.
    """

    kind = "Channels"
    uid = -3 << 40

    def __init__(self) -> None:
        self._world = None

    def admits(self) -> int:
        """Which channels and sets of channels could be used now; one that nobody asked for yet counts as ready."""
        world = _world.active
        mask = -1
        if world is not None:
            for wanted, bit in _asked_for(world).items():
                if not any(_usable(*one) for one in wanted):
                    mask &= ~bit
        return mask


readiness = Readiness()

Wanted = tuple[tuple["Channel", bool], ...]
"""Channels to wait for, each with whether it is to be read (True) or written."""


class Channel(Primitive):
    """One direction: bytes go in at one end and come out at the other in order.

    Invariant: ``chunks`` holds, for the bytes in ``buffer`` in their order, the step of each write and how many bytes
    of it are left (tests/simcore/primitives/test_channel.py).
    """

    kind = "Pipe"
    __slots__ = (
        "_world",
        "buffer",
        "chunks",
        "freed_at",
        "needs",
        "read_closed",
        "readers",
        "readers_gone_at",
        "size_bytes",
        "uid",
        "watched",
        "write_closed",
        "writers",
        "writers_gone_at",
    )

    def __init__(self, world: World, size_bytes: int | None = None) -> None:
        self._world = world
        self.buffer = bytearray()
        self.chunks: deque[tuple[int, int]] = deque()
        self.size_bytes = size_bytes or CAPACITY_BYTES
        self.readers = 1
        self.writers = 1
        self.read_closed = False
        self.write_closed = False
        """Closed, and not only shut down: then the end cannot be used at all."""
        self.readers_gone_at = -1
        self.writers_gone_at = -1
        self.freed_at = -1
        self.watched = False
        world.register(self)
        self.needs = _bit(world, ((self, False),)), _bit(world, ((self, True),))
        """For writing and for reading."""

    def capacity(self) -> int:
        return self.size_bytes

    def room(self) -> int:
        return self.size_bytes - len(self.buffer)

    def readable(self) -> bool:
        return bool(self.buffer) or not self.writers or not self.readers

    def writable(self) -> bool:
        return self.room() >= ATOMIC_BYTES or not self.readers or not self.writers

    def take(self, count: int, world: World) -> bytes:
        """Remove the first bytes; the step taking effect comes after those that wrote them."""
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        left = len(data)
        while left:
            step, size = self.chunks.popleft()
            world.order_after(step)
            if size > left:
                self.chunks.appendleft((step, size - left))
            left -= min(size, left)
        return data


class SocketChannel(Channel):
    """One direction of a socket pair."""

    kind = "Socket"
    __slots__ = ()


def _asked_for(world: World) -> dict[Wanted, int]:
    return world.kept.setdefault("channels waited for", {})


def _bit(world: World, wanted: Wanted) -> int:
    bits = _asked_for(world)
    return bits.setdefault(wanted, 1 << (_FIRST_BIT + len(bits)))


def _usable(channel: Channel, reading: bool) -> bool:
    return channel.readable() if reading else channel.writable()


class ChannelOperation(Operation):
    """What all operations on one channel share."""

    __slots__ = ()
    pending = done = int(Access.CHANNEL_USE)
    failed = int(Access.CHANNEL_FAILED)
    second = readiness
    verb = ("", "")
    """Of a pipe, of a socket."""
    target: Channel  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        kind = self.target.kind
        return f"{kind}.{self.verb[kind == SocketChannel.kind]}"

    @property
    def second_done(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(Access.CHANNEL_WATCHED if self.target.watched else Access.CHANNEL_CHANGED)

    def guess(self) -> tuple[int, int, int, int] | None:
        """Earlier it may not have been watched."""
        if not self.target.watched:
            return None
        return (self.target.uid, self.pending, readiness.uid, int(Access.CHANNEL_WATCHED))

    def expire(self, thread: VirtualThread) -> Any:
        return GAVE_UP

    def world(self) -> World:
        world = self.target._world
        assert world is not None
        return world


class Read(ChannelOperation):
    """Take up to so many bytes; ready when there are some, or when nobody can write any more (the answer is empty)."""

    __slots__ = ("peek", "size")
    op = Op.GET
    failed_op = Op.GET_FAILED
    verb = ("read", "recv")

    @property
    def needs(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.target.needs[True] if self.timeout is None else 0

    def __init__(self, target: Channel, size: int, peek: bool = False) -> None:
        super().__init__(target)
        self.size = size
        self.peek = peek

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.readable()

    def apply(self, thread: VirtualThread) -> bytes:
        channel, world = self.target, self.world()
        if not channel.readers:
            world.order_after(channel.readers_gone_at)
            if channel.read_closed:
                raise _closed()
            return b""
        if not channel.buffer:
            world.order_after(channel.writers_gone_at)
            return b""
        if self.peek:
            world.order_after(channel.chunks[0][0])
            return bytes(channel.buffer[: self.size])
        full = not channel.writable()
        data = channel.take(self.size, world)
        if full and channel.writable():
            channel.freed_at = world.step
        return data

    def detail(self) -> str:
        return "" if self.target.readable() else "empty"


class TryRead(Read):
    """Take bytes without waiting, or with a time-out; an event loop does so until there are none, and is not polling."""

    __slots__ = ("polls", "timeout")

    def __init__(self, target: Channel, size: int, timeout: float, peek: bool, polls: bool) -> None:
        super().__init__(target, size, peek)
        self.timeout = timeout
        self.polls = polls  # pyright: ignore[reportAttributeAccessIssue]


class Write(ChannelOperation):
    """Put bytes in, as many as there is room for; returns how many.

    Raises:
        BrokenPipeError: nobody can read them any more.
    """

    __slots__ = ("data",)
    op = Op.PUT
    failed_op = Op.PUT_FAILED
    verb = ("write", "send")

    @property
    def needs(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.target.needs[False] if self.timeout is None else 0

    def __init__(self, target: Channel, data: bytes | memoryview) -> None:
        super().__init__(target)
        self.data = data

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.writable()

    def apply(self, thread: VirtualThread) -> int:
        channel, world = self.target, self.world()
        if not channel.writers:
            world.order_after(channel.writers_gone_at)
            raise _closed() if channel.write_closed else _broken()
        if not channel.readers:
            world.order_after(channel.readers_gone_at)
            raise _broken()
        world.order_after(channel.freed_at)
        written = self.data[: channel.room()]
        if len(written):
            channel.buffer += written
            channel.chunks.append((world.step, len(written)))
        return len(written)

    def detail(self) -> str:
        channel = self.target
        return "" if channel.writable() else f"full {len(channel.buffer)}/{channel.size_bytes}"


class TryWrite(Write):
    """Put bytes in without waiting, or with a time-out."""

    __slots__ = ("polls", "timeout")

    def __init__(self, target: Channel, data: bytes | memoryview, timeout: float, polls: bool) -> None:
        super().__init__(target, data)
        self.timeout = timeout
        self.polls = polls  # pyright: ignore[reportAttributeAccessIssue]


class Close(ChannelOperation):
    """One end is gone: readers come to the end of the bytes, writers to a broken pipe, whoever uses it to an error.

    Deviation: so does a thread that waits in a read when another one closes the end; Linux lets it wait on.
    """

    __slots__ = ("for_good", "reading")
    op = Op.CLOSE
    verb = ("close", "close")

    def __init__(self, target: Channel, reading: bool, for_good: bool) -> None:
        super().__init__(target)
        self.reading = reading
        self.for_good = for_good

    def apply(self, thread: VirtualThread) -> None:
        channel, world = self.target, self.world()
        if channel.read_closed if self.reading else channel.write_closed:
            raise _closed()
        if self.reading:
            channel.read_closed = self.for_good
            if channel.readers:
                channel.readers, channel.readers_gone_at = 0, world.step
        else:
            channel.write_closed = self.for_good
            if channel.writers:
                channel.writers, channel.writers_gone_at = 0, world.step


def _closed() -> OSError:
    return OSError(9, "Bad file descriptor")


def _broken() -> OSError:
    return BrokenPipeError(32, "Broken pipe")


class Watch(Operation):
    """Begin to wait for channels: from now on the order of what happens to them matters."""

    __slots__ = ("channels",)
    op = Op.ATOMIC
    label = "watch channels"
    pending = done = int(Access.CHANNEL_WATCH)
    productive = False

    def __init__(self, channels: list[Channel]) -> None:
        super().__init__(readiness)
        self.channels = channels

    def apply(self, thread: VirtualThread) -> None:
        for channel in self.channels:
            channel.watched = True


class Select(Operation):
    """Wait until one of several channels can be used; returns which of them can."""

    __slots__ = ("bit", "wanted")
    op = Op.IO
    label = "select"
    pending = done = failed = int(Access.CHANNEL_SELECT)
    productive = False

    def __init__(self, wanted: Wanted, bit: int) -> None:
        super().__init__(readiness)
        self.wanted = wanted
        self.bit = bit

    @property
    def needs(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.bit if self.timeout is None else 0

    def ready(self, thread: VirtualThread) -> bool:
        return any(_usable(*one) for one in self.wanted)

    def apply(self, thread: VirtualThread) -> list[tuple[Channel, bool]]:
        world = _world.active
        assert world is not None
        found = [one for one in self.wanted if _usable(*one)]
        for channel, reading in found:
            world.order_after(channel.chunks[0][0] if reading and channel.chunks else channel.freed_at)
            world.order_after(channel.readers_gone_at)
            world.order_after(channel.writers_gone_at)
        return found

    def expire(self, thread: VirtualThread) -> list[tuple[Channel, bool]]:
        return []

    def detail(self) -> str:
        return f"none of {len(self.wanted)} ready"


class TrySelect(Select):
    """Look which channels can be used, or wait with a time-out; ``polls`` is False for an event loop, which looks
    between two of its callbacks."""

    __slots__ = ("polls", "timeout")

    def __init__(self, wanted: Wanted, bit: int, timeout: float, polls: bool) -> None:
        super().__init__(wanted, bit)
        self.timeout = timeout
        self.polls = polls  # pyright: ignore[reportAttributeAccessIssue]

    def ready(self, thread: VirtualThread) -> bool:
        return not (self.polls or self.timeout) or super().ready(thread)

    def fruitless(self, result: Any) -> bool:
        return not result


def select(wanted: Wanted, timeout: float | None, *, polls: bool = True) -> list[tuple[Channel, bool]]:
    """Which of these channels can be used, after waiting for the first of them."""
    world = _world.active
    assert world is not None
    known: dict[int, set[int]] = world.kept.setdefault("channels watched by", {})
    mine = known.setdefault(world.thread.uid, set())
    # Whether somebody else watches a channel already is not asked: the order of two watches is nobody's choice.
    fresh = [channel for channel, _ in wanted if channel.uid not in mine]
    if fresh:
        mine.update(channel.uid for channel in fresh)
        world.perform(Watch(fresh))
    bit = _bit(world, wanted)
    if timeout is None:
        return world.perform(Select(wanted, bit))
    return world.perform(TrySelect(wanted, bit, max(timeout, 0), polls))
