"""The hooks of rewritten code in the explored world: each finds the variable that is about to be accessed and tells the
monitor, which may let other threads go first.

Hooks run between any two bytecodes of the program, thousands of times: they are functions, not methods, and look at as
little as possible before they know that an access matters.
"""

from __future__ import annotations

import sys
import types
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import hooks
from .directory import CONTAINERS, NOT_DATA, Entry
from .hooks import NOKEY, SAME, SITES
from .variables import MISSING, READ, WHOLE_READ, WHOLE_WRITE, WRITE

if TYPE_CHECKING:
    from .access import AccessMonitor

# Typed Any: a check for one of these must not make the type checker ask for the types inside.
_DICT: Any = dict
_SET: Any = set
_VIEWS: Any = tuple(type(view) for view in ({0: 0}.keys(), {0: 0}.values(), {0: 0}.items()))
_INDEXED: Any = (list, deque, bytearray, array)
_KEYS = (str, int, float, bool, bytes, type(None))
_ADDRESSES_FROM = 1 << 32
"""A larger number may be an ``id()``, which differs between executions: such a key stands for the whole container."""

_READERS = frozenset(
    {
        "copy",
        "count",
        "index",
        "items",
        "keys",
        "values",
        "isdisjoint",
        "issubset",
        "issuperset",
        "union",
        "intersection",
        "difference",
        "symmetric_difference",
        "most_common",
        "elements",
        "total",
        "tolist",
        "decode",
        "hex",
        "find",
        "rfind",
        "startswith",
        "endswith",
        "split",
        "strip",
        "__len__",
        "__iter__",
        "__contains__",
        "__reversed__",
        "__eq__",
        "__repr__",
    }
)
"""Methods that look at all of a container."""
_KEY_READERS = frozenset({"get", "__getitem__"})
_KEY_WRITERS = frozenset({"setdefault", "__setitem__", "__delitem__", "pop"})
_TAKERS = frozenset({"pop", "popleft", "popitem", "clear", "sort", "reverse", "rotate", "remove", "discard"})
"""Methods that put nothing into a container."""
_ADDERS = frozenset({"append", "appendleft", "add"})
"""Methods that put their first argument into it and nothing else."""
_SET_WRITERS = frozenset({"add", "discard", "remove"})

current: AccessMonitor | None = None
"""The monitor of the execution that is running."""


def _attribute(thing: Any, name: str, site: int, kind: int, *, cache: bool) -> None:
    monitor = current
    if monitor is None or monitor.world.closing:
        return
    entry = monitor.directory.entries.get(id(thing))
    if entry is None:
        if issubclass(type(thing), types.ModuleType):
            _module_variable(monitor, thing, name, site, kind)
            return
        entry = monitor.directory.enter(thing, site, monitor.world.thread)
        if entry is None:
            return
    variable = monitor.directory.attribute(entry, thing, site, name, kind == WRITE, monitor.world.thread)
    if variable is not None:
        if kind == READ and variable.holder is not entry and not issubclass(type(thing), type):
            # The class's value is what counts as long as the object has none of its own: that was looked at too.
            monitor.touch(monitor.directory.variable(entry, name), kind, site, "read", thing, None)
        monitor.touch(variable, kind, site, "read" if kind == READ else "write", thing, None)
        if cache and variable.holder is entry:
            entry.by_site[site] = variable
    elif cache:
        entry.by_site[site] = None


def _module_variable(monitor: AccessMonitor, module: types.ModuleType, name: str, site: int, kind: int) -> None:
    """``module.name``: the same variable as the global ``name`` in that module's own code."""
    file = module.__dict__.get("__file__")
    if isinstance(file, str) and not isinstance(module.__dict__.get(name), (*NOT_DATA, types.ModuleType)):
        variable = monitor.directory.global_variable(file, name)
        monitor.touch(variable, kind, site, "read" if kind == READ else "write", module.__dict__, None)


def read(thing: Any, site: int) -> Any:
    monitor = current
    if monitor is None:
        return thing
    entry = monitor.directory.entries.get(id(thing))
    if entry is not None:
        variable = entry.by_site.get(site, MISSING)
        if variable is None:
            return thing
        if variable is not MISSING:
            if variable.owner is monitor.world.thread and not variable.visible and monitor.observer is None:
                reads = variable.last.get(READ)
                if reads is None:
                    reads = variable.last[READ] = {}
                now = monitor.world.step
                index = monitor.world.thread.index
                reads[index] = (now, site)
                variable.seen[index] = (variable.version, site, now)
                monitor.looks(variable)
            elif not monitor.world.closing:
                monitor.touch(variable, READ, site, "read", thing, None)
            return thing
    _attribute(thing, SITES[site].name, site, READ, cache=True)
    return thing


def write(thing: Any, site: int) -> Any:
    monitor = current
    if monitor is None:
        return thing
    entry = monitor.directory.entries.get(id(thing))
    if entry is not None:
        variable = entry.by_site.get(site, MISSING)
        if variable is None:
            return thing
        if variable is not MISSING:
            if variable.owner is monitor.world.thread and not variable.visible and monitor.observer is None:
                now = monitor.world.step
                index = monitor.world.thread.index
                writes = variable.last.get(WRITE)
                if writes is None:
                    writes = variable.last[WRITE] = {}
                writes[index] = (now, site)
                variable.seen.pop(index, None)
                variable.version += 1
                known = monitor.clocks[index] if index < len(monitor.clocks) else {}
                variable.written = (index, site, now, known)
                monitor.period += 1
                monitor.looked_at = 0
            elif not monitor.world.closing:
                monitor.touch(variable, WRITE, site, "write", thing, None)
            return thing
    _attribute(thing, SITES[site].name, site, WRITE, cache=True)
    return thing


def dynamic_read(thing: Any, name: Any, site: int) -> Any:
    if type(name) is str:
        _attribute(thing, name, site, READ, cache=False)
    return thing


def dynamic_write(thing: Any, name: Any, site: int) -> Any:
    if type(name) is str:
        _attribute(thing, name, site, WRITE, cache=False)
    return thing


def _container(monitor: AccessMonitor, thing: Any, site: int) -> Entry | None:
    if not issubclass(type(thing), CONTAINERS):
        return None
    return monitor.directory.entries.get(id(thing)) or monitor.directory.enter(thing, site, monitor.world.thread)


def _at_key(thing: Any, key: Any, site: int, kind: int, label: str) -> None:
    monitor = current
    if monitor is None or monitor.world.closing:
        return
    entry = _container(monitor, thing, site)
    if entry is None:
        return
    if issubclass(type(thing), _INDEXED) and type(key) is int and key < 0:
        key += len(thing)
    if kind == WRITE:
        monitor.directory.release(entry)
    whole = monitor.directory.whole(entry)
    if type(key) in _KEYS and not (type(key) is int and abs(key) > _ADDRESSES_FROM):
        monitor.touch(monitor.directory.item(entry, key), kind, site, label, thing, whole)
    else:
        monitor.touch(whole, WHOLE_READ if kind == READ else WHOLE_WRITE, site, label, thing, None)


def item_read(thing: Any, key: Any, site: int) -> Any:
    _at_key(thing, key, site, READ, "read")
    return thing


def item_write(thing: Any, key: Any, site: int) -> Any:
    _at_key(thing, key, site, WRITE, "write")
    return thing


def key_read(thing: Any, key: Any, site: int) -> Any:
    _at_key(thing, key, site, READ, "read")
    return key


def key_write(thing: Any, key: Any, site: int) -> Any:
    _at_key(thing, key, site, WRITE, "write")
    return key


def _all(thing: Any, site: int, kind: int, label: str) -> None:
    monitor = current
    if monitor is None or monitor.world.closing:
        return
    entry = _container(monitor, thing, site)
    if entry is not None:
        if kind == WHOLE_WRITE:
            monitor.directory.release(entry)
        monitor.touch(monitor.directory.whole(entry), kind, site, label, thing, None)


def whole(thing: Any, site: int) -> Any:
    _all(thing, site, WHOLE_READ, "read")
    return thing


def whole_write(thing: Any, site: int) -> Any:
    _all(thing, site, WHOLE_WRITE, "write")
    return thing


def _call(thing: Any, name: str, key: Any, site: int) -> None:
    monitor = current
    if monitor is None or monitor.world.closing:
        return
    entry = _container(monitor, thing, site)
    if entry is None:
        return
    label = f"{name}()"
    if name in _READERS:
        monitor.touch(monitor.directory.whole(entry), WHOLE_READ, site, label, thing, None)
        if name in ("keys", "values", "items"):
            monitor.view_of[monitor.world.thread.index] = monitor.directory.whole(entry)
    elif key is not NOKEY and issubclass(type(thing), _DICT) and name in _KEY_READERS:
        _at_key(thing, key, site, READ, label)
    elif (key is not NOKEY and issubclass(type(thing), _DICT) and name in _KEY_WRITERS) or (
        key is not NOKEY and issubclass(type(thing), _SET) and name in _SET_WRITERS
    ):
        _at_key(thing, key, site, WRITE, label)
    else:
        if name not in _TAKERS and not (name in _ADDERS and type(key) in _KEYS):
            monitor.directory.release(entry)
        monitor.touch(monitor.directory.whole(entry), WHOLE_WRITE, site, label, thing, None)


def method(thing: Any, site: int, key: Any) -> Any:
    if issubclass(type(thing), CONTAINERS):
        _call(thing, SITES[site].name, key, site)
    return thing


def argument(thing: Any, value: Any, site: int, key: Any = SAME) -> Any:
    where = SITES[site]
    if where.kind == "dynamic":
        name = value if key is SAME else key
        if type(name) is str:
            _attribute(thing, name, site, READ if where.does == "read" else WRITE, cache=False)
    elif issubclass(type(thing), CONTAINERS):
        if where.kind == "inplace":
            _all(thing, site, WHOLE_WRITE, "+=")
        else:
            _call(thing, where.name, value if key is SAME else key, site)
    return value


def iterate(thing: Any, site: int) -> Iterable[Any]:
    monitor = current
    if monitor is None or monitor.world.closing:
        return thing
    if issubclass(type(thing), _VIEWS):
        index = monitor.world.thread.index
        noted = monitor.view_of.pop(index, None)
        if noted is None:
            return thing
        variable = noted
    else:
        entry = _container(monitor, thing, site)
        if entry is None:
            return thing
        variable = monitor.directory.whole(entry)

    def access() -> None:
        now = current
        if now is monitor and not monitor.world.closing:
            monitor.touch(variable, WHOLE_READ, site, "next", thing, None)

    return hooks.watched(access, thing)


def global_read(site: int) -> None:
    monitor = current
    if monitor is not None and not monitor.world.closing:
        where = SITES[site]
        variable = monitor.directory.global_variable(where.file, where.name)
        variables: Any = sys._getframe(1).f_globals
        monitor.touch(variable, READ, site, "read", variables, None)


def global_write(value: Any, site: int) -> Any:
    monitor = current
    if monitor is not None and not monitor.world.closing:
        where = SITES[site]
        variable = monitor.directory.global_variable(where.file, where.name)
        variables: Any = sys._getframe(1).f_globals
        monitor.touch(variable, WRITE, site, "write", variables, None)
    return value


def _cell(cell: types.CellType, site: int, kind: int) -> None:
    monitor = current
    if monitor is None or monitor.world.closing:
        return
    where = SITES[site]
    entry = monitor.directory.entries.get(id(cell))
    if entry is None:
        key = (
            ("object", *monitor.directory.count(monitor.world.thread))
            if len(monitor.world.threads) == 1
            else ("cell", where.file, where.name)
        )
        entry = Entry(key, types.CellType, f"variable {where.file.rpartition('/')[2]}", "")
        entry.reference = cell
        entry.object_id = id(cell)
        monitor.directory.entries[id(cell)] = entry
    variable = monitor.directory.variable(entry, where.name)
    monitor.touch(variable, kind, site, "read" if kind == READ else "write", cell, None)


def cell_read(cell: types.CellType, site: int) -> None:
    _cell(cell, site, READ)


def cell_write(value: Any, cell: types.CellType, site: int) -> Any:
    _cell(cell, site, WRITE)
    return value


def new(thing: Any, site: int) -> Any:
    monitor = current
    if monitor is not None and not monitor.world.closing:
        monitor.directory.made(thing, site, monitor.world.thread)
    return thing


HOOKS: dict[str, Callable[..., Any]] = {
    "__weft_read__": read,
    "__weft_write__": write,
    "__weft_item_read__": item_read,
    "__weft_item_write__": item_write,
    "__weft_key_read__": key_read,
    "__weft_key_write__": key_write,
    "__weft_whole__": whole,
    "__weft_whole_write__": whole_write,
    "__weft_method__": method,
    "__weft_argument__": argument,
    "__weft_iter__": iterate,
    "__weft_global__": global_read,
    "__weft_global_write__": global_write,
    "__weft_cell__": cell_read,
    "__weft_cell_write__": cell_write,
    "__weft_dynamic_read__": dynamic_read,
    "__weft_dynamic_write__": dynamic_write,
    "__weft_new__": new,
}
