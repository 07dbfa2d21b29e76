"""Dates inside a world: ``datetime.now()`` and the functions of ``time`` that mean "now" when given nothing.

All of them say what the world's ``time.time()`` says; nothing here keeps time itself.
"""

from __future__ import annotations

import ctypes
import datetime as _datetime
import gc
import sys
import time as _time
import warnings
from collections.abc import Callable
from typing import Any

from .. import world as _world
from .clock import EPOCH_NS

_NOW_BY_DEFAULT = ("localtime", "gmtime", "ctime")
_CLOCKS = {
    getattr(_time, name): offset
    for name, offset in (
        ("CLOCK_REALTIME", EPOCH_NS),
        ("CLOCK_TAI", EPOCH_NS),
        ("CLOCK_MONOTONIC", 0),
        ("CLOCK_MONOTONIC_RAW", 0),
        ("CLOCK_BOOTTIME", 0),
        ("CLOCK_PROCESS_CPUTIME_ID", 0),
        ("CLOCK_THREAD_CPUTIME_ID", 0),
    )
    if hasattr(_time, name)
}
_datetime_names: dict[str, Any] = gc.get_referents(_datetime.datetime.__dict__)[0]
"""The names of the class ``datetime``. It is written in C and cannot be assigned to, but its table can: that way code
which imported the class earlier sees the world's time, too, and the class stays the one it is."""
_real_now: Any = _datetime_names["now"]
_real_utcnow: Any = _datetime_names["utcnow"]


def _seconds(world: _world.World) -> int:
    return (world.now_ns() + EPOCH_NS) // 1_000_000_000


def _now_by_default(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def at(seconds: float | None = None, /) -> Any:
        world = _world.active
        return real(_seconds(world) if seconds is None and world is not None else seconds)

    at.__name__ = name
    return at


def _asctime(real: Callable[..., str]) -> Callable[..., str]:
    def asctime(moment: Any = None, /) -> str:
        world = _world.active
        if moment is not None or world is None:
            return real() if moment is None else real(moment)
        return real(_time.localtime(_seconds(world)))

    return asctime


def _strftime(real: Callable[..., str]) -> Callable[..., str]:
    def strftime(pattern: str, moment: Any = None, /) -> str:
        world = _world.active
        if moment is not None or world is None:
            return real(pattern) if moment is None else real(pattern, moment)
        return real(pattern, _time.localtime(_seconds(world)))

    return strftime


def _clock_gettime_ns(real: Callable[[int], int]) -> Callable[[int], int]:
    def clock_gettime_ns(clock: int, /) -> int:
        world = _world.active
        if world is None or clock not in _CLOCKS:
            return real(clock)
        return world.now_ns() + _CLOCKS[clock]

    return clock_gettime_ns


def _clock_gettime(real: Callable[[int], float]) -> Callable[[int], float]:
    def clock_gettime(clock: int, /) -> float:
        world = _world.active
        if world is None or clock not in _CLOCKS:
            return real(clock)
        return (world.now_ns() + _CLOCKS[clock]) / 1e9

    return clock_gettime


def _moment(world: _world.World) -> tuple[int, int]:
    return divmod((world.now_ns() + EPOCH_NS) // 1000, 1_000_000)


def _now(cls: Any, tz: Any = None) -> Any:
    world = _world.active
    if world is None:
        return _real_now.__get__(None, cls)(tz)
    seconds, microseconds = _moment(world)
    return cls.fromtimestamp(seconds, tz).replace(microsecond=microseconds)


def _utcnow(cls: Any) -> Any:
    world = _world.active
    if sys.version_info >= (3, 12):  # here and not by the original, which would give our own line as the place
        message = (
            "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use "
            "timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
        )
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    if world is None:
        return _real_now.__get__(None, cls)(_datetime.UTC).replace(tzinfo=None)
    seconds, microseconds = _moment(world)
    return cls.fromtimestamp(seconds, _datetime.UTC).replace(microsecond=microseconds, tzinfo=None)


def _set_dates(now: Any, utcnow: Any) -> None:
    _datetime_names.update(now=now, utcnow=utcnow)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(_datetime.datetime))


def take_over_dates() -> None:
    """From now on ``datetime.now()`` and ``utcnow()`` ask the world."""
    _set_dates(classmethod(_now), classmethod(_utcnow))


def give_back_dates() -> None:
    """Undo :func:`take_over_dates`."""
    _set_dates(_real_now, _real_utcnow)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [
        (_time, name, _now_by_default(name, getattr(_time, name))) for name in _NOW_BY_DEFAULT
    ]
    table.append((_time, "asctime", _asctime(_time.asctime)))
    table.append((_time, "strftime", _strftime(_time.strftime)))
    if hasattr(_time, "clock_gettime"):
        table.append((_time, "clock_gettime", _clock_gettime(_time.clock_gettime)))
        table.append((_time, "clock_gettime_ns", _clock_gettime_ns(_time.clock_gettime_ns)))
    return table
