"""Signal handlers inside a world: they can be set and asked for, and no signal ever comes.

What would make one come (an alarm, a kill) is refused (``simcore.refusals``); so setting a handler changes nothing but
a table that begins anew in every run, and the tool keeps its own handlers.
"""

from __future__ import annotations

import signal as _signal
from collections.abc import Callable
from typing import Any

from .. import world as _world
from ..world import World

real_signal = _signal.signal
real_getsignal = _signal.getsignal
real_set_wakeup_fd = _signal.set_wakeup_fd
real_siginterrupt: Callable[[int, bool], None] | None = getattr(_signal, "siginterrupt", None)


def _handlers(world: World) -> dict[int, Any]:
    return world.kept.setdefault("signal handlers", {})


def _handler(world: World, number: int) -> Any:
    default = _signal.default_int_handler if number == _signal.SIGINT else _signal.SIG_DFL
    return _handlers(world).get(number, default)


def _check(world: World, number: int, name: str) -> None:
    if world.thread is not world.threads[0]:
        raise ValueError(f"{name} only works in main thread of the main interpreter")
    if not 1 <= number < _signal.NSIG:
        raise ValueError("signal number out of range")


def signal(signalnum: int, handler: Any, /) -> Any:
    """``signal.signal``."""
    world = _world.active
    if world is None:
        return real_signal(signalnum, handler)
    _check(world, signalnum, "signal")
    if signalnum in (_signal.SIGKILL, _signal.SIGSTOP):
        raise OSError(22, "Invalid argument")
    if not callable(handler) and handler not in (_signal.SIG_DFL, _signal.SIG_IGN):
        raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
    before = _handler(world, signalnum)
    _handlers(world)[signalnum] = handler
    return before


def getsignal(signalnum: int, /) -> Any:
    """``signal.getsignal``."""
    world = _world.active
    return real_getsignal(signalnum) if world is None else _handler(world, signalnum)


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """``signal.set_wakeup_fd``: nothing is ever written to it."""
    world = _world.active
    if world is None:
        return real_set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    _check(world, 1, "set_wakeup_fd")
    before: int = world.kept.get("signal descriptor", -1)
    world.kept["signal descriptor"] = fd
    return before


def siginterrupt(signalnum: int, flag: bool, /) -> None:
    """``signal.siginterrupt``: there is nothing to interrupt."""
    if _world.active is None and real_siginterrupt is not None:
        real_siginterrupt(signalnum, flag)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [
        (_signal, "signal", signal),
        (_signal, "getsignal", getsignal),
        (_signal, "set_wakeup_fd", set_wakeup_fd),
    ]
    if real_siginterrupt is not None:
        table.append((_signal, "siginterrupt", siginterrupt))
    return table
