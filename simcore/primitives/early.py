"""Locks made before the takeover: those of modules imported earlier are found, and stand-ins put in their place.

Conditions, events, semaphores, barriers and queues of theirs get stand-ins for the locks they are made of.

A real lock cannot be waited for inside a world: all virtual threads are one real thread, so a blocked one would stop
them all, and a re-entrant one would let them all in. A stand-in is a dual lock around the very lock it replaces: outside
a world nothing changes. Knows modules and classes by their variables only; what is kept elsewhere is not found.
"""

from __future__ import annotations

import functools
import logging
import sys
import types
from typing import Any

from ..world import Primitive
from .barrier import RealBarrier
from .condition import RealCondition
from .event import RealEvent
from .lock import Lock, RealRLock, RLock, allocate_real_lock
from .queues import RealQueue
from .semaphore import RealSemaphore

_RealLock = type(allocate_real_lock())
_COMPOSED: tuple[type, ...] = (RealCondition, RealEvent, RealSemaphore, RealBarrier, RealQueue)
_BOUND = ("_lock", "acquire", "release", "_release_save", "_acquire_restore", "_is_owned")
"""Where a Condition keeps its lock: itself and its methods."""
_CACHED: Any = functools.cached_property
_LOCKS = (_RealLock, RealRLock)
_Row = tuple[Any, str, Any]
_logging: Any = logging
"""For its private list of handlers."""
_OWN = __name__.partition(".")[0]
_LEFT_ALONE = frozenset(
    {"threading", "_thread", "_threading_local", "queue", "concurrent", "importlib", "_frozen_importlib", "greenlet"}
    | {"_frozen_importlib_external", "_weakrefset", "faulthandler", "signal", "selectors", "select", _OWN}
)
"""Packages whose locks are replaced by other means, or never waited for by a program under test."""


class EarlyLock(Lock):
    """A stand-in for a lock, with the name of the variable it was found in."""

    __slots__ = ("variable",)

    def given_name(self) -> str:
        return self.variable


class EarlyRLock(RLock):
    """A stand-in for a re-entrant lock."""

    __slots__ = ("variable",)

    def given_name(self) -> str:
        return self.variable


def _stand_in(real: Any, variable: str) -> EarlyLock | EarlyRLock:
    dual = EarlyRLock() if isinstance(real, RealRLock) else EarlyLock()
    dual._real = real
    dual.variable = variable
    return dual


def _variable(holder: Any, name: str) -> str:
    if type(holder) is _CACHED:
        return f"{getattr(holder, 'attrname', None) or 'cached_property'}.{name}"
    prefix = f"{holder.__module__}." if isinstance(holder, type) else ""
    return f"{prefix}{getattr(holder, '__qualname__', getattr(holder, '__name__', type(holder).__qualname__))}.{name}"


def _holders(module: types.ModuleType) -> list[_Row]:
    """The variables of a module, and of the classes defined in it, that hold a real lock."""
    found: list[_Row] = []
    for name, value in [*vars(module).items()]:
        if type(value) in _LOCKS:
            found.append((module, name, value))
        # By type(): isinstance() asks the object for its __class__, and libraries have objects that warn when asked.
        elif issubclass(type(value), _COMPOSED) and not issubclass(type(value), Primitive):
            found += _parts(value)
        elif issubclass(type(value), type):
            found += _class_variables(value, module.__name__)
    return found


def _class_variables(owner: type[Any], module: str) -> list[_Row]:
    found: list[_Row] = []
    for name, item in [*vars(owner).items()] if owner.__module__ == module else ():
        if type(item) in _LOCKS:
            found.append((owner, name, item))
        elif type(item) is _CACHED and hasattr(item, "lock"):  # until 3.11
            inner_lock: Any = item.lock
            found.append((item, "lock", inner_lock))
    return found


def _parts(whole: Any) -> list[_Row]:
    """The locks that an object of ``threading`` or ``queue`` is made of."""
    if isinstance(whole, RealQueue):
        conditions = [whole.not_empty, whole.not_full, whole.all_tasks_done]
    else:
        conditions = [whole if isinstance(whole, RealCondition) else whole._cond]
    rows: list[_Row] = [(whole, "mutex", whole.mutex)] if isinstance(whole, RealQueue) else []
    for condition in conditions:
        table: dict[str, Any] = vars(condition)
        if type(table["_lock"]) in _LOCKS:
            rows += [(condition, name, table["_lock"]) for name in _BOUND if name in table]
    return [row for row in rows if type(row[2]) in _LOCKS]


_seen: dict[str, tuple[int, list[_Row]]] = {}
"""What a module held when it was looked at; a module executed anew is looked at again."""
_stand_ins: dict[int, tuple[Any, Lock]] = {}
"""By the id of the real lock, which is kept with it: one stand-in for all its names and all takeovers."""


_all: tuple[list[str], list[int], list[_Row]] = ([], [], [])
"""The names and ids of all modules at the last look, and what they held: a takeover seldom finds others."""


def _in_modules() -> list[_Row]:
    global _all
    names, modules = [*sys.modules], [*sys.modules.values()]
    ids = [*map(id, modules)]
    if names == _all[0] and ids == _all[1]:
        return _all[2]
    rows: list[_Row] = []
    for name, module in zip(names, modules, strict=True):
        if type(module) is not types.ModuleType or name.partition(".")[0] in _LEFT_ALONE:
            continue
        known = _seen.get(name)
        if known is None or known[0] != id(module):
            known = _seen[name] = (id(module), _holders(module))
        rows += known[1]
    _all = (names, ids, rows)
    return rows


def replacements() -> list[_Row]:
    """Rows for the takeover's table."""
    rows = [*_in_modules()]
    for reference in _logging._handlerList:
        handler: Any = reference()
        if handler is not None and type(handler.lock) in _LOCKS:
            rows.append((handler, "lock", handler.lock))
    table: list[_Row] = []
    for holder, name, real in rows:
        bound = isinstance(holder, RealCondition) and name != "_lock"
        if not bound and getattr(holder, name, None) is not real:
            continue
        kept = _stand_ins.get(id(real))
        if kept is None:
            kept = _stand_ins[id(real)] = (real, _stand_in(real, _variable(holder, name)))
        table.append((holder, name, getattr(kept[1], name) if bound else kept[1]))
    return table
