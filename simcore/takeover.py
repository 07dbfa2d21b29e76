"""The takeover: put the dual primitives behind the standard library's names, and refuse what cannot be simulated.

It must happen before the program's modules are imported (a name imported earlier keeps the real thing), which is why
the command line runs every target in a fresh child process. Nothing here knows any particular world.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures._base
import concurrent.futures.thread
import queue
import random
import sys
import threading
import time
import types
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from . import world as _world
from .primitives import barrier, clock, condition, event, futures, local, lock, queues, semaphore, thread
from .world import Uncontrollable

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
        (queue, "Queue", queues.Queue),
        (queue, "LifoQueue", queues.LifoQueue),
        (queue, "PriorityQueue", queues.PriorityQueue),
        (queue, "SimpleQueue", queues.SimpleQueue),
    ]
    # The import system keeps real locks: an import is done once, so its locks cannot be part of a repeatable schedule.
    importing = types.SimpleNamespace(
        allocate_lock=_thread.allocate_lock, get_ident=_thread.get_ident, RLock=_thread.RLock, error=_thread.error
    )
    table.append((sys.modules["_frozen_importlib"], "_thread", importing))
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


@contextmanager
def takeover() -> Generator[None]:
    """While it lasts, the standard library's threading family means our dual primitives. Re-entrant."""
    global _installed
    _installed += 1
    if _installed == 1:
        watch_calls()
        thread.default_excepthook = threading.excepthook
        for holder, name, value in _replacements():
            _saved.append((holder, name, getattr(holder, name)))
            setattr(holder, name, value)
    try:
        yield
    finally:
        _installed -= 1
        if not _installed:
            while _saved:
                holder, name, value = _saved.pop()
                setattr(holder, name, value)


_REFUSED = {
    "socket.__new__": ("opens a socket", "pass in a stand-in for the connection"),
    "subprocess.Popen": ("starts a child process", "pass in a stand-in for the command"),
    "os.system": ("runs a shell command", "pass in a stand-in for the command"),
    "os.fork": ("forks the process", "use threads, or check the part that runs in one process"),
    "os.forkpty": ("forks the process", "use threads, or check the part that runs in one process"),
    "os.posix_spawn": ("starts a child process", "pass in a stand-in for the command"),
    "os.exec": ("replaces the process by another program", "check the part before it"),
    "builtins.input": ("reads from the keyboard", "pass the answer in as a parameter"),
    "_thread.start_new_thread": (
        "starts a real thread that the simulation does not control",
        "import threading in the program itself, not before it",
    ),
    "_thread.start_joinable_thread": (
        "starts a real thread that the simulation does not control",
        "import threading in the program itself, not before it",
    ),
}

refusal: Uncontrollable | None = None
"""The first refusal since it was last cleared: the program may catch the exception, the verdict must not be lost."""
_watching = False


def watch_calls() -> None:
    """Install the audit hook that refuses, by name, calls no world can simulate (PEP 578; hooks stay for ever)."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_audit)


def _audit(event_name: str, args: tuple[Any, ...]) -> None:
    global refusal
    if event_name not in _REFUSED:
        return
    world = _world.active
    if world is None or world.closing:
        return
    what, advice = _REFUSED[event_name]
    place = ""
    frame = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None:
        place = f" at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}"
    error = Uncontrollable(f"the program {what}{place}, which cannot be simulated; {advice}")
    if refusal is None:
        refusal = error
    raise error


_OWN = __file__.rsplit("/simcore/", 1)[0]
_STDLIB = threading.__file__.rsplit("/", 1)[0] + "/"
_OWN_ROOMS = tuple(
    f"{_OWN}/{room}/"
    for room in ("simcore", "checkers", "real_runs", "weft/simcore", "weft/checkers", "weft/real_runs")
)
_FACE: str = sys.modules[__name__.partition(".")[0]].__path__[0]
"""The folder of the package that we are installed in: its own files, but not the programs in its ``models``."""
_known: dict[str, bool] = {}


def is_library(filename: str) -> bool:
    """Is this file the standard library's or ours, and so not a place to show a user?"""
    found = _known.get(filename)
    if found is None:
        found = _known[filename] = (
            filename.startswith(_OWN_ROOMS)
            or (filename.startswith(_STDLIB) and "/site-packages/" not in filename)
            or filename.startswith("<frozen ")
            or filename.rpartition("/")[0] == _FACE
        )
    return found
