"""The takeover: put the dual primitives behind the standard library's names.

It should happen before the program's modules are imported (a name imported earlier keeps the real thing), which is why
the command line runs every target in a fresh child process. Nothing here knows any particular world; what is refused
instead of replaced is in ``refusals``.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures._base
import concurrent.futures.thread
import functools
import queue
import random
import sys
import threading
import time
import types
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from . import refusals
from .late import LateTakeover
from .library import is_library
from .primitives import (
    barrier,
    calendar,
    clock,
    collecting,
    condition,
    descriptors,
    early,
    entropy,
    event,
    exits,
    futures,
    importing,
    local,
    lock,
    logs,
    queues,
    semaphore,
    signals,
    thread,
)

__all__ = ["is_library", "takeover"]

_Table = list[tuple[Any, str, Any]]


def _replacements() -> _Table:
    table: _Table = [
        (threading, "Lock", lock.Lock),
        (threading, "RLock", lock.RLock),
        (threading, "_allocate_lock", lock.Lock),
        (threading, "Condition", condition.Condition),
        (threading, "Semaphore", semaphore.Semaphore),
        (threading, "BoundedSemaphore", semaphore.BoundedSemaphore),
        (threading, "Event", event.Event),
        (threading, "Barrier", barrier.Barrier),
        (threading, "local", local.local),
        (threading, "get_ident", thread.get_ident),
        (threading, "get_native_id", thread.get_native_id),
        (threading.Thread, "__init__", thread.make_init()),
        (threading.Thread, "start", thread.start),
        (threading.Thread, "join", thread.join),
        (threading.Thread, "is_alive", thread.is_alive),
        (_thread, "allocate_lock", lock.Lock),
        (_thread, "LockType", lock.Lock),
        (_thread, "RLock", lock.RLock),
        (_thread, "get_ident", thread.get_ident),
        (_thread, "start_new_thread", thread.start_new_thread),
        (_thread, "_local", local.local),
        (functools, "RLock", lock.RLock),  # one for each cached_property, until 3.11
        (queue, "Queue", queues.Queue),
        (queue, "LifoQueue", queues.LifoQueue),
        (queue, "PriorityQueue", queues.PriorityQueue),
        (queue, "SimpleQueue", queues.SimpleQueue),
    ]
    table += thread.replacements()
    for room in (calendar, collecting, descriptors, entropy, exits, importing, logs, refusals, signals):
        table += room.replacements()
    # What the import system keeps for itself (``importing`` stands for its locks inside a world) is real.
    kept = types.SimpleNamespace(
        allocate_lock=_thread.allocate_lock, get_ident=_thread.get_ident, RLock=_thread.RLock, error=_thread.error
    )
    table.append((sys.modules["_frozen_importlib"], "_thread", kept))
    packages: tuple[types.ModuleType, ...] = (concurrent.futures, concurrent.futures._base)
    for package in packages:
        table += [
            (package, "Future", futures.Future),
            (package, "wait", futures.wait),
            (package, "as_completed", futures.as_completed),
        ]
    for package in (concurrent.futures, concurrent.futures.thread):
        table.append((package, "ThreadPoolExecutor", futures.ThreadPoolExecutor))
    table += [(time, name, value) for name, value in clock.time_functions().items()]
    table += [(random, name, value) for name, value in clock.random_functions().items()]
    return table


_installed = 0
_saved: _Table = []
_FAST_LOOPS = "_asyncio"
_ABSENT: Any = None
"""What stands in ``sys.modules`` for a module that cannot be imported. The C half of asyncio keeps the running loop of
an operating-system thread, and virtual threads are all one of these; its Python half asks ``threading.local``."""


def _install(table: _Table) -> None:
    for holder, name, value in table:
        _saved.append((holder, name, getattr(holder, name)))
        setattr(holder, name, value)


_late = LateTakeover(_install)


@contextmanager
def takeover() -> Generator[None]:
    """While it lasts, the standard library's threading family means our dual primitives. Re-entrant."""
    global _installed
    if not _installed:
        refusals.watch_calls()
        thread.default_excepthook = threading.excepthook
    _installed += 1
    try:
        if _installed == 1:
            _begin()
        yield
    finally:
        _installed -= 1
        if not _installed:
            _end()


def _begin() -> None:
    _install(early.replacements() + _replacements())
    calendar.take_over_dates()
    if "asyncio" not in sys.modules:
        sys.modules[_FAST_LOOPS] = _ABSENT
    _late.begin()


def _end() -> None:
    """Give everything back, also when :func:`_begin` did not come to its end."""
    _late.end()
    if sys.modules.get(_FAST_LOOPS, sys) is _ABSENT:
        del sys.modules[_FAST_LOOPS]
    calendar.give_back_dates()
    while _saved:
        holder, name, value = _saved.pop()
        setattr(holder, name, value)
