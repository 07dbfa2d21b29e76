"""Which threads could still get at an object: those whose variables lead to it, or everybody through a module.

It walks the interpreter's objects while the threads stand still; what follows for a wait is for the checkers to say.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterable, Sequence
from types import FrameType, ModuleType
from typing import Any

import greenlet

from .threads import VirtualThread
from .world import Operation, World

_OURS = "weft."
_GIVEN = frozenset({"_target", "_args", "_kwargs"})
"""What a ``threading.Thread`` was given: only the thread itself uses it, though its handle is in CPython's registries."""


def reachable_from(
    objects: Sequence[object], threads: Sequence[VirtualThread], program: Iterable[dict[str, Any]] = ()
) -> dict[int, tuple[int, ...] | None]:
    """For the id of each object the indices of the ``threads`` whose frames lead to it; None when any code can get at it.

    As in GOLF (Saioc, Lee, Møller, Chabbi, ASPLOS 2025: partial deadlocks by reachability), what nobody who can still
    move has a path to will never be used again. Paths end at threads and worlds, since a handle of another
    thread does not give its variables; all modules but ours, and the variables of the ``program``'s own, count as
    everybody's. References held by C code that does
    not show them to the collector are not seen.
    """
    wanted = {id(one) for one in objects}
    everybody: set[int] = set()
    found = _walk([*program, *_module_variables()], wanted, everybody, frozenset())
    result: dict[int, tuple[int, ...] | None] = dict.fromkeys(found)
    for one in wanted - found:
        result[one] = ()
    for thread in threads:
        roots: list[object] = [thread.run, *_own(thread.python_thread), *thread.locals.values()]
        roots += [value for frame in _frames(thread) for value in frame.f_locals.values()]
        for one in _walk(roots, wanted - found, set(), frozenset(everybody)):
            known = result[one]
            assert known is not None
            result[one] = (*known, thread.index)
    return result


def _module_variables() -> list[object]:
    """What modules hold, the main module's first: there most objects are found at once."""
    modules = [module for name, module in sys.modules.items() if not f"{name}.".startswith(_OURS)]
    modules.sort(key=lambda module: getattr(module, "__name__", "") != "__main__")
    return [vars(module) for module in modules if isinstance(module, ModuleType)]  # pyright: ignore[reportUnnecessaryIsInstance]


def _frames(thread: VirtualThread) -> Iterable[FrameType]:
    frame = thread.frame()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _walk(roots: Iterable[object], wanted: set[int], seen: set[int], pruned: frozenset[int]) -> set[int]:
    """The wanted objects that ``roots`` lead to, breadth first; stops when all are found. Fills ``seen``."""
    found: set[int] = set()
    level: list[Any] = [*roots]
    while level and len(found) < len(wanted):
        following: list[Any] = []
        level_after: list[Any] = []
        for thing in level:
            key = id(thing)
            if key in seen or key in pruned:
                continue
            seen.add(key)
            if key in wanted:
                found.add(key)
            if issubclass(type(thing), threading.Thread):
                mine: dict[str, Any] = thing.__dict__  # pyright: ignore[reportAttributeAccessIssue]
                level_after += [value for name, value in mine.items() if name not in _GIVEN]
            elif not _ends_here(thing):
                following.append(thing)
        level = level_after + gc.get_referents(*following)
    return found


def _own(thread: threading.Thread | None) -> list[object]:
    """What the thread itself was given to run."""
    return [] if thread is None else list(vars(thread).values())


def _ends_here(thing: object) -> bool:
    """Threads, worlds, frames of others, and our own modules: what lies behind them is not the program's to reach."""
    if issubclass(type(thing), (VirtualThread, World, FrameType, greenlet.greenlet, Operation)):
        return True
    return issubclass(type(thing), ModuleType) and f"{getattr(thing, '__name__', '')}.".startswith(_OURS)
