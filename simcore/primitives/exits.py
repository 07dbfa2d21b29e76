"""Functions to call at exit: inside a world they are called at the end of each execution, by its main thread.

They are kept by the world, so none is left for the next execution or for the real end of the process.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from .. import world as _world
from ..library import is_library
from ..world import ExecutionOver, Uncontrollable, World
from .thread import Join

real_register = atexit.register
real_unregister = atexit.unregister
_threading: Any = threading
real_thread_exit: Callable[..., None] = _threading._register_atexit
_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def _is_for_good(frame: FrameType) -> bool:
    """Called by a library: it is imported once for all executions, and means the end of the process."""
    filename = frame.f_code.co_filename
    return is_library(filename) or "/site-packages/" in filename


def register(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """``atexit.register``."""
    world = _world.active
    if world is None or not callable(function) or _is_for_good(sys._getframe(1)):
        return real_register(function, *args, **kwargs)
    calls: list[_Call] = world.kept.setdefault("atexit", [])
    calls.append((function, args, kwargs))
    return function


def unregister(function: Callable[..., Any], /) -> None:
    """``atexit.unregister``."""
    world = _world.active
    if world is not None and "atexit" in world.kept:
        world.kept["atexit"] = [call for call in world.kept["atexit"] if call[0] != function]
    real_unregister(function)


def register_for_threads(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """``threading._register_atexit``: to be called before the last threads are waited for."""
    world = _world.active
    if world is None or _is_for_good(sys._getframe(1)):
        return real_thread_exit(function, *args, **kwargs)
    world.kept.setdefault("threading atexit", []).append((function, args, kwargs))
    return None


def call_before_waiting(world: World) -> None:
    """What ``threading._shutdown`` calls first."""
    for function, args, kwargs in reversed(world.kept.pop("threading atexit", [])):
        function(*args, **kwargs)


def call_all(world: World) -> None:
    """Wait for the last threads and call what was registered, last first; errors are printed, as CPython does."""
    if not world.kept.get("atexit"):
        return
    joined = True
    while joined:
        joined = [t for t in world.threads if not (t.daemon or t.system or t.terminated or t is world.thread)]
        for thread in joined:
            world.perform(Join(thread))
    calls: list[_Call] = world.kept["atexit"]
    while calls:
        function, args, kwargs = calls.pop()
        try:
            function(*args, **kwargs)
        except (ExecutionOver, Uncontrollable):
            raise
        except BaseException:
            sys.excepthook(*sys.exc_info())  # pyright: ignore[reportArgumentType]


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [
        (atexit, "register", register),
        (atexit, "unregister", unregister),
        (_threading, "_register_atexit", register_for_threads),
    ]
