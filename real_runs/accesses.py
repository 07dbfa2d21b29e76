"""Accesses to shared variables by real threads: what rewritten code reports, written into the log of a recording.

It knows hooks, variables and the log; what was rewritten, and what an access means for the others, is not its business.

A hook runs right before its access, so an access took effect between its stamp and the next event of its thread. Writes
stand in the trace at their stamp, reads at the next event (``recording`` moves them): a read that may have seen a write
stands behind it.
"""

from __future__ import annotations

import _thread
import sys
import types
import weakref
from collections.abc import Iterable
from typing import Any

from ..simcore.directory import CONTAINERS, NOT_DATA
from ..simcore.hooks import NOKEY, SAME, SITES, install
from ..simcore.trace import Op
from ..simcore.variables import Kind, look_up
from .log import Recorder
from .thread_log import now
from .watched import ATOMIC, READ, WRITE, Entry, Variable, VariableLog

HELD_MAX = 100_000
"""Containers kept alive so that their ids stay theirs; those met after so many are not watched."""
_type_of: Any = type
_DICT: Any = dict
_SET: Any = set
_KEYS = (str, int, float, bool, bytes, type(None))
_UNWATCHED: Any = (
    *_KEYS,
    _thread._local,
    tuple,
    frozenset,
    complex,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
)
"""Objects without variables of their own."""
_ITEM_READERS = frozenset({"get", "__getitem__", "__contains__"})
_DICT_CHANGERS = frozenset({"setdefault", "pop", "__setitem__", "__delitem__"})
_SET_CHANGERS = frozenset({"add", "discard", "remove"})


class Accesses:
    """The hooks of one recording; :meth:`install` lets rewritten code call them."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.touch = VariableLog(recorder).touch
        self.entries: dict[int, Entry] = {}
        self.globals: dict[tuple[str, str], Variable] = {}
        self.unwatched = 0
        """Accesses to containers that were one too many (``HELD_MAX``)."""
        self._held = 0
        self._serials: dict[str, int] = {}
        self._types: dict[tuple[type, str], tuple[int, Any]] = {}

    def notes(self) -> list[str]:
        """What the recording leaves out, a sentence each."""
        if not self.unwatched:
            return []
        return [
            f"only the first {HELD_MAX:,} lists, dictionaries and sets are watched; accesses to others, which are "
            f"missing: {self.unwatched:,}"
        ]

    def install(self) -> None:
        install(
            {
                "__weft_read__": self.read,
                "__weft_write__": self.write,
                "__weft_item_read__": self.item_read,
                "__weft_item_write__": self.item_write,
                "__weft_key_read__": self.key_read,
                "__weft_key_write__": self.key_write,
                "__weft_whole__": self.whole,
                "__weft_whole_write__": self.whole,
                "__weft_method__": self.method,
                "__weft_argument__": self.argument,
                "__weft_iter__": self.iterate,
                "__weft_global__": self.global_read,
                "__weft_global_write__": self.global_write,
                "__weft_cell__": self.cell_read,
                "__weft_cell_write__": self.cell_write,
                "__weft_dynamic_read__": self.dynamic_read,
                "__weft_dynamic_write__": self.dynamic_write,
                "__weft_new__": self.new,
            }
        )

    # From objects to variables.

    def _enter(self, thing: Any, label: str) -> Entry | None:
        """The entry of an object seen for the first time; None for objects whose variables are not watched."""
        if isinstance(thing, _UNWATCHED):
            return None
        container = isinstance(thing, CONTAINERS)
        if container and self._held >= HELD_MAX:
            self.unwatched += 1
            return None
        return self._hold(thing, label)

    def _hold(self, thing: Any, label: str) -> Entry:
        with self.recorder.tables_lock:
            found = self.entries.get(id(thing))
            if found is not None:
                return found
            serial = 1
            if not isinstance(thing, type):  # a class bears its own name, instances are numbered
                serial = self._serials[label] = self._serials.get(label, 0) + 1
            entry = Entry(label if serial == 1 else f"{label}#{serial}", serial)
            try:
                entry.reference = self._until_gone(thing)
            except TypeError:
                entry.reference = thing
                self._held += 1
            self.entries[id(thing)] = entry
            return entry

    def _until_gone(self, thing: Any) -> Any:
        """A reference that forgets the entry when the object dies, before its id is used again."""
        key, entries = id(thing), self.entries
        return weakref.ref(thing, lambda _: entries.pop(key, None))

    def _variable(self, entry: Entry, part: Any, name: str) -> Variable:
        found = entry.variables.get(part)
        if found is None:
            found = entry.variables.setdefault(part, Variable(entry, name, self.recorder.here.log))
        return found

    def _whole(self, entry: Entry) -> Variable:
        if entry.whole is None:
            with self.recorder.tables_lock:
                if entry.whole is None:
                    entry.whole = Variable(entry, entry.label, self.recorder.here.log, "Container")
        return entry.whole

    # Attributes.

    def read(self, thing: Any, site: int) -> Any:
        entry = self.entries.get(id(thing))
        if entry is not None:
            variable = entry.by_site.get(site, _UNKNOWN)
            if variable is not _UNKNOWN:
                if variable is not None:
                    self.touch(variable, READ, site)
                return thing
        self._attribute(thing, SITES[site].name, site, READ, keep=True)
        return thing

    def write(self, thing: Any, site: int) -> Any:
        entry = self.entries.get(id(thing))
        if entry is not None:
            variable = entry.by_site.get(site, _UNKNOWN)
            if variable is not _UNKNOWN:
                if variable is not None:
                    self.touch(variable, WRITE, site)
                return thing
        self._attribute(thing, SITES[site].name, site, WRITE, keep=True)
        return thing

    def dynamic_read(self, thing: Any, name: Any, site: int) -> Any:
        if type(name) is str:
            self._attribute(thing, name, site, READ, keep=False)
        return thing

    def dynamic_write(self, thing: Any, name: Any, site: int) -> Any:
        if type(name) is str:
            self._attribute(thing, name, site, WRITE, keep=False)
        return thing

    def _attribute(self, thing: Any, name: str, site: int, operation: int, *, keep: bool) -> None:
        if isinstance(thing, types.ModuleType):
            file = thing.__dict__.get("__file__")
            if isinstance(file, str) and not isinstance(thing.__dict__.get(name), (*NOT_DATA, types.ModuleType)):
                self.touch(self._global(file, name), operation, site)
            return
        label: str = thing.__name__ if isinstance(thing, type) else type(thing).__name__
        entry = self.entries.get(id(thing)) or self._enter(thing, label)
        if entry is None:
            return
        owner = self._owner(entry, thing, name, operation == WRITE)
        variable = None if owner is None else self._variable(owner, name, f"{owner.label}.{name}")
        if keep and (owner is None or owner is entry):
            entry.by_site[site] = variable
        if variable is not None:
            self.touch(variable, operation, site)

    def _owner(self, entry: Entry, thing: Any, name: str, writing: bool) -> Entry | None:
        """The entry of the object that has the attribute: this one or a class; None when it is code, not data."""
        if isinstance(thing, type):
            base = next((base for base in thing.__mro__ if name in base.__dict__), None)
            if base is None:
                return entry if writing else None
            if isinstance(base.__dict__[name], NOT_DATA):
                return None
            return self.entries.get(id(base)) or self._enter(base, base.__name__)
        kind = _type_of(thing)
        found = self._types.get((kind, name))
        if found is None:
            found = self._types[kind, name] = look_up(kind, name)
        sort, base = found
        if sort == Kind.SKIP:
            return None
        if sort == Kind.CLASS and not writing and name not in getattr(thing, "__dict__", ()):
            return self.entries.get(id(base)) or self._enter(base, base.__name__)
        return entry

    # Containers.

    def _container(self, thing: Any, site: int) -> Entry | None:
        if not isinstance(thing, CONTAINERS):
            return None
        entry = self.entries.get(id(thing))
        if entry is None:
            entry = self._enter(thing, _path(site))
        if entry is not None and entry.whole is None:
            self._whole(entry)
        return entry

    def item_read(self, thing: Any, key: Any, site: int) -> Any:
        self._item(thing, key, site, READ)
        return thing

    def item_write(self, thing: Any, key: Any, site: int) -> Any:
        self._item(thing, key, site, WRITE)
        return thing

    def key_read(self, thing: Any, key: Any, site: int) -> Any:
        self._item(thing, key, site, READ)
        return key

    def key_write(self, thing: Any, key: Any, site: int) -> Any:
        self._item(thing, key, site, WRITE)
        return key

    def _item(self, thing: Any, key: Any, site: int, operation: int) -> None:
        entry = self._container(thing, site)
        if entry is not None:
            self._at_key(entry, thing, key, site, operation)

    def _at_key(self, entry: Entry, thing: Any, key: Any, site: int, operation: int) -> None:
        if type(key) not in _KEYS:
            self.touch(self._whole(entry), ATOMIC, site)
            return
        if type(key) is int and key < 0 and not isinstance(thing, _DICT):
            key += len(thing)
        self.touch(self._variable(entry, key, f"{entry.label}[{key!r}]"), operation, site)

    def whole(self, thing: Any, site: int) -> Any:
        entry = self._container(thing, site)
        if entry is not None:
            self.touch(self._whole(entry), ATOMIC, site)
        return thing

    def iterate(self, thing: Any, site: int) -> Iterable[Any]:
        return self.whole(thing, site)

    def method(self, thing: Any, site: int, key: Any) -> Any:
        if isinstance(thing, CONTAINERS):
            self._call(thing, SITES[site].name, key, site)
        return thing

    def argument(self, thing: Any, value: Any, site: int, key: Any = SAME) -> Any:
        where = SITES[site]
        about = value if key is SAME else key
        if where.kind == "dynamic":
            if type(about) is str:
                self._attribute(thing, about, site, READ if where.does == "read" else WRITE, keep=False)
        elif isinstance(thing, CONTAINERS):
            self._call(thing, "" if where.kind == "inplace" else where.name, about, site)
        return value

    def _call(self, thing: Any, name: str, key: Any, site: int) -> None:
        """A method of a container is one atomic access: to the item that it is about, or to the whole."""
        entry = self._container(thing, site)
        if entry is None:
            return
        if key is not NOKEY and isinstance(thing, (_DICT, _SET)) and name in _ITEM_READERS:
            self._at_key(entry, thing, key, site, READ)
        elif key is not NOKEY and name in (_DICT_CHANGERS if isinstance(thing, _DICT) else _SET_CHANGERS):
            self._at_key(entry, thing, key, site, ATOMIC)
        else:
            self.touch(self._whole(entry), ATOMIC, site)

    def new(self, thing: Any, site: int) -> Any:
        """A container was made: whatever was known of its id is about another object."""
        self.entries.pop(id(thing), None)
        return thing

    # Variables of modules and of functions around.

    def _global(self, file: str, name: str) -> Variable:
        found = self.globals.get((file, name))
        if found is None:
            entry = Entry(name, 0)
            found = self.globals.setdefault((file, name), Variable(entry, name, self.recorder.here.log))
        return found

    def global_read(self, site: int) -> None:
        where = SITES[site]
        self.touch(self._global(where.file, where.name), READ, site)

    def global_write(self, value: Any, site: int) -> Any:
        where = SITES[site]
        self.touch(self._global(where.file, where.name), WRITE, site)
        return value

    def _cell(self, cell: types.CellType, site: int, operation: int) -> None:
        name = SITES[site].name
        entry = self.entries.get(id(cell)) or self._hold(cell, name)
        self.touch(self._variable(entry, None, entry.label), operation, site)

    def cell_read(self, cell: types.CellType, site: int) -> None:
        self._cell(cell, site, READ)

    def cell_write(self, value: Any, cell: types.CellType, site: int) -> Any:
        self._cell(cell, site, WRITE)
        return value


_UNKNOWN: Any = object()


def _path(site: int) -> str:
    """A container's name by the source: ``self.items`` in a method of ``Shop`` is ``Shop.items``."""
    where = SITES[site]
    text = where.text
    if text == "self" or text.startswith("self."):
        around = where.function.rpartition(".")[0].rpartition(".")[2]
        if around and around != "<locals>":
            return around + text[4:]
    return text


def note_looks() -> None:
    """Let recorded objects write down who saw that something is done: what the thread does then rests on it.

    Recordings without accesses leave these out, since programs ask in loops.
    """
    import threading

    from .recorded.event import Event
    from .recorded.futures import Future, RealFuture
    from .recorded.notes import Recording, note
    from .recorded.thread import thread_row

    real_is_set, real_is_alive = Event.is_set, threading.Thread.is_alive
    real_done: Any = Future.done
    real_add: Any = vars(RealFuture)["add_done_callback"]

    def is_set(self: Event) -> bool:
        answer = real_is_set(self)
        if answer:
            note(Recording.recorder, Op.ATOMIC, self._index, now(), 1)
        return answer

    def is_alive(self: threading.Thread) -> bool:
        answer = real_is_alive(self)
        if not answer and self.ident is not None:
            note(Recording.recorder, Op.ATOMIC, thread_row(Recording.recorder, self)[1], now(), 0)
        return answer

    def done(self: Future) -> bool:
        answer = real_done(self)
        if answer:
            note(Recording.recorder, Op.ATOMIC, self._index, now(), 1)
        return answer

    def add_done_callback(self: Future, fn: Any) -> None:
        recorder = Recording.recorder

        def call(future: Any) -> None:
            note(recorder, Op.ATOMIC, self._index, now(), 1)
            fn(future)

        told = recorder.extra("Future.add_done_callback", {"operation": "Future.add_done_callback"})
        log, where = recorder.here.log, recorder.places.location(sys._getframe(1))
        log.add((log.index, Op.ATOMIC, 0, self._index, where, told, now()))
        real_add(self, call)

    for holder, function in (
        (Event, is_set),
        (threading.Thread, is_alive),
        (Future, done),
        (Future, add_done_callback),
    ):
        setattr(holder, function.__name__, function)
