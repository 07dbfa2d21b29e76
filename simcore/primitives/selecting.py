"""Waiting for several channels: ``select.select``, ``select.poll`` and the classes of ``selectors``.

Knows descriptors of channels; a real one leads outside and is refused. Without any descriptor a wait is a sleep.
"""

from __future__ import annotations

import select as _select
import selectors as _selectors
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

from .. import world as _world
from ..refusals import refuse
from ..world import World
from .channel import Wanted, select
from .descriptors import End, end_of

real_select = _select.select
real_poll: Callable[[], Any] | None = getattr(_select, "poll", None)
_IN, _OUT, _HANGUP = 1, 4, 16
"""POLLIN, POLLOUT and POLLHUP, which some systems lack."""
_EVENT_LOOP = "asyncio.base_events"


def _end(file: Any, frame: FrameType) -> End:
    number = file if isinstance(file, int) else file.fileno()
    end = end_of(number)
    if end is None:
        refuse(
            "waits for a file or socket that leads outside (select)",
            "pass in one end of socket.socketpair() or os.pipe()",
            frame,
        )
    return end


def _wait(world: World, wanted: Wanted, timeout: float | None, frame: FrameType) -> set[tuple[int, bool]]:
    """The ids of the channels that can be used, with whether for reading."""
    if not wanted:
        if timeout is None:
            refuse("waits for nothing at all (select without files)", "use an Event", frame)
        if timeout > 0:
            world.sleep(timeout)
        return set()
    looping = frame.f_globals.get("__name__") == _EVENT_LOOP
    return {(id(channel), reading) for channel, reading in select(wanted, timeout, polls=not looping)}


def select_files(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """``select.select``."""
    world = _world.active
    if world is None or world.closing:
        return real_select(rlist, wlist, xlist, timeout)
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    frame = sys._getframe(1)
    reading = [(file, _end(file, frame).reading) for file in rlist]
    writing = [(file, _end(file, frame).writing) for file in wlist]
    wanted = [(channel, True) for _, channel in reading if channel is not None]
    wanted += [(channel, False) for _, channel in writing if channel is not None]
    found = _wait(world, tuple(wanted), timeout, frame)
    return (
        [file for file, channel in reading if (id(channel), True) in found],
        [file for file, channel in writing if (id(channel), False) in found],
        [],
    )


class Poll:
    """``select.poll()``."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = _IN | _OUT | 2, /) -> None:
        self._files[_end(fd, sys._getframe(1)).number] = eventmask

    def modify(self, fd: Any, eventmask: int, /) -> None:
        number = _end(fd, sys._getframe(1)).number
        if number not in self._files:
            raise FileNotFoundError(2, "No such file or directory")
        self._files[number] = eventmask

    def unregister(self, fd: Any, /) -> None:
        del self._files[fd if isinstance(fd, int) else fd.fileno()]

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        world = _world.active
        assert world is not None, "an object made by a world's select.poll() is for that world"
        frame = sys._getframe(1)
        ends = [(number, _end(number, frame), mask) for number, mask in self._files.items()]
        wanted = [(end.reading, True) for _, end, mask in ends if mask & _IN and end.reading is not None]
        wanted += [(end.writing, False) for _, end, mask in ends if mask & _OUT and end.writing is not None]
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        found = _wait(world, tuple(wanted), seconds, frame)
        answer: list[tuple[int, int]] = []
        for number, end, _ in ends:
            events = _IN if (id(end.reading), True) in found else 0
            events |= _OUT if (id(end.writing), False) in found else 0
            if events and end.reading is not None and not end.reading.writers:
                events |= _HANGUP
            if events:
                answer.append((number, events))
        return answer


def poll() -> Any:
    """``select.poll``."""
    world = _world.active
    if real_poll is not None and (world is None or world.closing):
        return real_poll()
    return Poll()


class ChannelSelector(_selectors._BaseSelectorImpl):  # type: ignore[name-defined,misc]
    """``selectors.DefaultSelector`` and the others, for channels."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        _end(fileobj, sys._getframe(1))
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        world = _world.active
        assert world is not None, "a selector made in a world is for that world"
        frame = sys._getframe(1)
        keys: Mapping[Any, Any] = self.get_map() or {}
        wanted: list[Any] = []
        for key in keys.values():
            end = _end(key.fd, frame)
            if key.events & _selectors.EVENT_READ and end.reading is not None:
                wanted.append((end.reading, True))
            if key.events & _selectors.EVENT_WRITE and end.writing is not None:
                wanted.append((end.writing, False))
        found = _wait(world, tuple(wanted), None if timeout is None else max(timeout, 0), frame)
        answer: list[tuple[Any, int]] = []
        for key in keys.values():
            end = _end(key.fd, frame)
            events = _selectors.EVENT_READ if (id(end.reading), True) in found else 0
            events |= _selectors.EVENT_WRITE if (id(end.writing), False) in found else 0
            if events & key.events:
                answer.append((key, events & key.events))
        return answer


def _selector(real: Any) -> Any:
    """A class that makes selectors of the world it is called in, and is the real one to ``issubclass``."""

    def __new__(cls: Any) -> Any:  # noqa: N807
        world = _world.active
        if world is None or world.closing:
            return real() if cls is dual else object.__new__(cls)
        return ChannelSelector()

    dual: Any = type(real.__name__, (real,), {"__new__": __new__, "__module__": real.__module__})
    return dual


def _epoll(real: Any) -> Any:
    def epoll(*args: Any, **kwargs: Any) -> Any:
        world = _world.active
        if world is None or world.closing:
            return real(*args, **kwargs)
        return refuse("waits with select.epoll", "use selectors.DefaultSelector or select.poll", sys._getframe(1))

    return epoll


_SELECTORS = ("DefaultSelector", "SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector", "DevpollSelector")


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [(_select, "select", select_files)]
    if real_poll is not None:
        table.append((_select, "poll", poll))
    table += [(_select, name, _epoll(getattr(_select, name))) for name in ("epoll", "kqueue") if hasattr(_select, name)]
    for name in _SELECTORS:
        if hasattr(_selectors, name):
            table.append((_selectors, name, _selector(getattr(_selectors, name))))
    return table
