"""File descriptors of channels: ``os.pipe`` and the functions of ``os`` on what it returns.

Inside a world they are numbers that no real descriptor has, so nothing of the operating system is used, and real
descriptors are left to it. A function that does not know them is refused by name.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from .. import world as _world
from ..refusals import refuse
from ..world import World
from .channel import GAVE_UP, Channel, Close, Read, TryRead, TryWrite, Write

FIRST_DESCRIPTOR = 1 << 20
standard_closed: set[int] = set()
"""Descriptors of the standard streams that a program closed; they are opened again after its execution."""
_EBADF, _EAGAIN = 9, 11

_real: dict[str, Any] = {
    name: getattr(os, name)
    for name in ("pipe", "pipe2", "read", "write", "close", "fdopen", "set_blocking", "get_blocking", "isatty")
    if hasattr(os, name)
}
real_open: Any = io.open
_UNKNOWN_TO = ("dup", "dup2", "fstat", "readv", "writev", "sendfile", "lseek", "ftruncate", "fsync", "fpathconf")
_INHERITING = ("get_inheritable", "set_inheritable")


class End:
    """One open end: of a pipe one channel, of a socket two. ``timeout`` as of a socket: None waits, 0 does not."""

    __slots__ = ("number", "reading", "timeout", "world", "writing")

    def __init__(self, world: World, reading: Channel | None, writing: Channel | None) -> None:
        self.world = world
        self.reading = reading
        self.writing = writing
        self.timeout: float | None = None
        self.number = world.kept.get("next descriptor", FIRST_DESCRIPTOR)
        world.kept["next descriptor"] = self.number + 1
        _table(world)[self.number] = self

    def read(self, size: int, peek: bool = False) -> bytes:
        """Up to ``size`` bytes, at least one; empty when there will be no more.

        Raises:
            BlockingIOError, TimeoutError: there are none yet.
        """
        if self.reading is None:
            raise OSError(_EBADF, "Bad file descriptor")
        if size <= 0:
            return b""
        timeout = self.timeout
        if timeout is None:
            return self.world.perform(Read(self.reading, size, peek))
        return self._unless_given_up(
            self.world.perform(TryRead(self.reading, size, timeout, peek, not _in_event_loop()))
        )

    def write(self, data: Any, *, whole: bool) -> int:
        """How many bytes were written: all of them when ``whole``, unless the end does not wait.

        Raises:
            BlockingIOError, TimeoutError: there is no room.
            BrokenPipeError: the other end is closed.
        """
        if self.writing is None:
            raise OSError(_EBADF, "Bad file descriptor")
        left = memoryview(bytes(data))
        if not left:
            return 0
        size = len(left)
        while left:
            timeout = self.timeout
            if timeout is None:
                written = self.world.perform(Write(self.writing, left))
            else:
                written = self.world.perform(TryWrite(self.writing, left, timeout, not _in_event_loop()))
                if written is GAVE_UP and timeout == 0 and size > len(left):
                    break
                self._unless_given_up(written)
            left = left[written:]
            if not whole:
                break
        return size - len(left)

    def _unless_given_up(self, result: Any) -> Any:
        if result is GAVE_UP:
            if self.timeout:
                raise TimeoutError("timed out")
            raise BlockingIOError(_EAGAIN, "Resource temporarily unavailable")
        return result

    def close(self) -> None:
        """
        Raises:
            OSError: it is closed already.
        """
        if self.writing is not None:
            self.world.perform(Close(self.writing, False, True))
        if self.reading is not None:
            self.world.perform(Close(self.reading, True, True))

    def shut(self, reading: bool) -> None:
        """Use one direction no more; the end stays open."""
        channel = self.reading if reading else self.writing
        if channel is not None:
            self.world.perform(Close(channel, reading, False))


def _in_event_loop() -> bool:
    return sys._getframe(3).f_globals.get("__name__", "").startswith("asyncio.")


def _table(world: World) -> dict[int, End]:
    return world.kept.setdefault("descriptors", {})


def end_of(descriptor: Any) -> End | None:
    """The end behind a descriptor of ours in the active world, open or closed; None for any other.

    Whether it is closed is asked by its operations: that is when it matters who was first.

    Raises:
        OSError: it is of another execution.
    """
    world = _world.active
    if world is None or type(descriptor) is not int or descriptor < FIRST_DESCRIPTOR:
        return None
    found = _table(world).get(descriptor)
    if found is None:
        raise OSError(_EBADF, "Bad file descriptor")
    return found


def pipe() -> tuple[int, int]:
    """``os.pipe``."""
    world = _world.active
    if world is None or world.closing:
        return _real["pipe"]()
    channel = Channel(world)
    return End(world, channel, None).number, End(world, None, channel).number


def pipe2(flags: int, /) -> tuple[int, int]:
    """``os.pipe2``: of the flags only O_NONBLOCK matters here."""
    if _world.active is None:
        return _real["pipe2"](flags)
    ends = pipe()
    if flags & os.O_NONBLOCK:
        for number in ends:
            set_blocking(number, False)
    return ends


def read(fd: int, length: int, /) -> bytes:
    """``os.read``."""
    end = end_of(fd)
    return _real["read"](fd, length) if end is None else end.read(length)


def write(fd: int, data: Any, /) -> int:
    """``os.write``."""
    end = end_of(fd)
    return _real["write"](fd, data) if end is None else end.write(data, whole=True)


def close(fd: int) -> None:
    """``os.close``."""
    end = end_of(fd)
    if end is not None:
        end.close()
        return
    _real["close"](fd)
    if 0 <= fd <= 2 and _world.active is not None:
        standard_closed.add(fd)


def set_blocking(fd: int, blocking: bool, /) -> None:
    """``os.set_blocking``."""
    end = end_of(fd)
    if end is None:
        _real["set_blocking"](fd, blocking)
    else:
        end.timeout = None if blocking else 0


def get_blocking(fd: int, /) -> bool:
    """``os.get_blocking``."""
    end = end_of(fd)
    return _real["get_blocking"](fd) if end is None else end.timeout is None


def isatty(fd: int, /) -> bool:
    """``os.isatty``."""
    return _real["isatty"](fd) if end_of(fd) is None else False


class ChannelFile(io.RawIOBase):
    """What ``open(fd)`` has at its bottom."""

    def __init__(self, end: End, mode: str, closefd: bool) -> None:
        super().__init__()
        self._end = end
        self.mode = mode
        self.name = end.number
        self._closefd = closefd

    def fileno(self) -> int:
        return self._end.number

    def readable(self) -> bool:
        return self._end.reading is not None

    def writable(self) -> bool:
        return self._end.writing is not None

    def readinto(self, buffer: Any, /) -> int | None:
        try:
            data = self._end.read(len(buffer))
        except BlockingIOError:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any, /) -> int | None:
        try:
            return self._end.write(data, whole=True)
        except BlockingIOError:
            return None

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._closefd and _world.active is self._end.world:
                self._end.close()


def open_end(end: End, mode: str, buffering: int, closefd: bool, text: dict[str, Any]) -> Any:
    """A file object on an end, as ``open`` makes it."""
    raw = ChannelFile(end, mode.replace("t", ""), closefd)
    binary = "b" in mode
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    buffered: Any = io.BufferedReader(raw, size) if "r" in mode else io.BufferedWriter(raw, size)
    return buffered if binary else io.TextIOWrapper(buffered, line_buffering=buffering == 1, **text)


def open_file(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Callable[[Any, int], int] | None = None,
) -> Any:
    """``open``."""
    end = end_of(file)
    if end is None:
        return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    return open_end(end, mode, buffering, closefd, {"encoding": encoding, "errors": errors, "newline": newline})


def fdopen(fd: int, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
    """``os.fdopen``."""
    if end_of(fd) is None:
        return _real["fdopen"](fd, mode, buffering, *args, **kwargs)
    return open_file(fd, mode, buffering, *args, **kwargs)


def _knows_not(name: str, real: Any) -> Any:
    def refused(*args: Any, **kwargs: Any) -> Any:
        if args and end_of(args[0]) is not None:
            advice = "use read, write and close, or files and sockets on it"
            refuse(f"calls os.{name}() on a pipe", advice, sys._getframe(1))
        return real(*args, **kwargs)

    refused.__name__ = name
    return refused


def _inheriting(name: str, real: Any) -> Any:
    def inheriting(fd: int, *args: Any) -> Any:
        return real(fd, *args) if end_of(fd) is None else False

    inheriting.__name__ = name
    return inheriting


_OURS: dict[str, Any] = {
    "pipe": pipe,
    "pipe2": pipe2,
    "read": read,
    "write": write,
    "close": close,
    "fdopen": fdopen,
    "set_blocking": set_blocking,
    "get_blocking": get_blocking,
    "isatty": isatty,
}


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [(os, name, _OURS[name]) for name in _real]
    table += [(os, name, _knows_not(name, getattr(os, name))) for name in _UNKNOWN_TO if hasattr(os, name)]
    table += [(os, name, _inheriting(name, getattr(os, name))) for name in _INHERITING if hasattr(os, name)]
    table += [(io, "open", open_file), (builtins, "open", open_file)]
    return table
