"""Event loops of ``asyncio`` inside a world: one loop in one thread, woken by the others through a channel.

Knows where a loop is touched by other threads; its self-pipe and its selector are channels already.
"""

from __future__ import annotations

import asyncio.base_events as _base_events
from collections.abc import Callable
from typing import Any

from .. import world as _world

real_call_soon_threadsafe: Any = _base_events.BaseEventLoop.call_soon_threadsafe


def call_soon_threadsafe(self: Any, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
    """``loop.call_soon_threadsafe``: wakes the loop first and adds the callback then.

    The other way round, the callback would be added one step before the wake-up, at a moment the exploration does not
    see; so it is one step.
    """
    if _world.active is None:
        return real_call_soon_threadsafe(self, callback, *args, context=context)
    self._check_closed()
    self._write_to_self()
    self._check_closed()
    return self._call_soon(callback, args, context)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(_base_events.BaseEventLoop, "call_soon_threadsafe", call_soon_threadsafe)]
