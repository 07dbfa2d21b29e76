"""The directory of watched objects: from an object of the program to the variables that accesses to it touch.

It gives every variable a number that is equal in all executions, and runs no code of the program. What an access to a
variable means is not its business.
"""

from __future__ import annotations

import types
import weakref
from array import array
from collections import deque
from sys import getrefcount
from typing import Any

from .hooks import SITES
from .naming import name_at
from .primitives.local import local
from .threads import VirtualThread
from .variables import (
    MISSING,
    Container,
    Kind,
    Variable,
    describe,
    look_up,
    module_of,
    mro_of,
    name_of,
    namespace_of,
    own_attributes,
    type_of,
)
from .world import Primitive

_NUMBERS_FROM = -(1 << 43)
"""The uids of variables are below all others (threads and objects count up from 0, objects of outside down from -2)."""

_YOUNG_MAX = 12
"""How many of the containers made last are looked at whenever one is made."""
_OLD_MIN = 1024
_HELD_LENGTH_MAX = 32
_OUR_REFERENCES = 2
"""To an object that only its entry holds: the entry's, and that of the call that counts."""

# Typed Any: a check for one of these must not make the type checker ask for the types inside.
CONTAINERS: Any = (list, dict, set, deque, bytearray, array)
_DICT: Any = dict
_LIST: Any = list
_SET: Any = set
_WEAK: Any = weakref.ref
_PLAIN: Any = frozenset({list, dict, set, deque, bytearray, array})
_SIMPLE: Any = frozenset({str, int, float, bool, bytes, type(None)})
_NAMESPACES: Any = (dict, types.MappingProxyType)
_ATOMS: Any = (str, int, float, bool, bytes, type(None), tuple, frozenset, complex)
_NO_ENTRY: Any = (*_ATOMS, types.MethodType, Primitive, local)
NOT_DATA: Any = (types.FunctionType, classmethod, staticmethod, property, types.BuiltinFunctionType, type)


class Entry:
    """An object whose variables are watched."""

    __slots__ = (
        "by_site",
        "group",
        "key",
        "kind",
        "label",
        "made_at",
        "object_id",
        "reference",
        "variables",
        "whole",
    )

    def __init__(self, key: Any, kind: type, group: str, label: str) -> None:
        self.key = key
        """Equal in every execution: by creating thread and count, or by type when who touches it first may vary."""
        self.kind = kind
        self.group = group
        self.label = label
        """How it is called when no variable of the program leads to it."""
        self.made_at = 0
        """For a container made by rewritten code, the site."""
        self.object_id = 0
        self.variables: dict[Any, Variable] = {}
        self.by_site: dict[int, Variable | None] = {}
        self.whole: Variable | None = None
        self.reference: Any = None
        """What keeps the id from being taken for another object: a weak reference, or the object itself; None where
        there can be neither."""

    def object(self) -> Any:
        """The object, or None when it is gone or was never held."""
        reference = self.reference
        return reference() if isinstance(reference, _WEAK) else reference


class _Reference(weakref.ref[Any]):
    """Forgets the entry of an object that dies, before its id is used again."""

    __slots__ = ()

    def __new__(cls, thing: Any, entries: dict[int, Entry]) -> _Reference:
        key = id(thing)
        return super().__new__(cls, thing, lambda _: entries.pop(key, None))


class Directory:
    """The objects of one execution. ``visible`` are the groups of variables whose accesses are steps; ``numbers`` maps
    what identifies a variable to its uid and is shared by all executions of an exploration."""

    def __init__(self, visible: frozenset[str], numbers: dict[Any, int]) -> None:
        self.visible = visible
        self.numbers = numbers
        self.threads: list[VirtualThread] = []
        """Of the world: while there is only one, whatever is touched was made by it."""
        self.entries: dict[int, Entry] = {}
        """By id of the object."""
        self.young: list[Entry] = []
        """Of objects that cannot be referred to weakly, those entered since :meth:`let_go` was called last."""
        self.old: list[Entry] = []
        self.old_max = _OLD_MIN
        self.globals: dict[tuple[str, str], Variable] = {}
        self.groups: dict[int, str] = {}
        """Of the containers that a site makes."""
        self.counts: dict[int, int] = {}
        self.types: dict[tuple[type, str], tuple[int, Any]] = {}

    def number(self, variable: Variable) -> None:
        """Give a variable its uid, when an access to it is to be a step."""
        numbers, key = self.numbers, variable.key
        found = numbers.get(key)
        if found is None:
            found = numbers[key] = _NUMBERS_FROM - len(numbers)
        variable.uid = found

    def count(self, thread: VirtualThread) -> tuple[int, int]:
        uid = thread.uid
        count = self.counts[uid] = self.counts.get(uid, 0) + 1
        return uid, count

    def enter(self, thing: Any, site: int, thread: VirtualThread) -> Entry | None:
        """The entry of an object seen for the first time; None for objects whose variables are not watched.

        An object is numbered by the thread that made it. Who that was is known for containers made by rewritten code,
        for objects first written in an ``__init__``, and while there is only one thread. Others are numbered by type:
        all objects of the type count as one, which explores more than necessary, never less.
        """
        kind = type_of(thing)
        if issubclass(type_of(thing), _NO_ENTRY):
            return None
        where = SITES[site]
        if issubclass(type_of(thing), type):
            name = f"{module_of(thing)}.{name_of(thing)}"
            entry = Entry(("class", name), kind, f"class {name}", name_of(thing))
        else:
            name = f"{module_of(kind)}.{name_of(kind)}"
            certain = len(self.threads) == 1 or (
                where.does == "write" and where.function.endswith(("__init__", "__new__", "__post_init__"))
            )
            key = ("object", *self.count(thread)) if certain else ("type", name)
            entry = Entry(key, kind, name, name_of(kind))
        self._hold(entry, thing)
        return entry

    def _hold(self, entry: Entry, thing: Any) -> None:
        entry.object_id = id(thing)
        self.entries[id(thing)] = entry
        try:
            entry.reference = _Reference(thing, self.entries)
        except TypeError:
            self._keep(entry, thing)

    def made(self, thing: Any, site: int, thread: VirtualThread) -> None:
        """A container was made by rewritten code: whatever was known of its id is about another object."""
        group = self.groups.get(site)
        if group is None:
            where = SITES[site]
            group = f"{type(thing).__name__} {where.file.rpartition('/')[2]}:{where.line}:{where.column}"
            self.groups[site] = group
        entry = Entry(("object", *self.count(thread)), type_of(thing), group, "")
        entry.made_at = site
        entry.object_id = id(thing)
        self.entries[id(thing)] = entry
        self._keep(entry, thing)

    def _keep(self, entry: Entry, thing: Any) -> None:
        """Hold a container, so that its id is not taken over while we know it; :meth:`let_go` ends that.

        Containers cannot be referred to weakly. Only those are held in which there is nothing whose end could be
        noticed: what dies with a container has to die when CPython lets it die, in the thread that lets go of it.
        """
        if type_of(thing) in _PLAIN and len(thing) <= _HELD_LENGTH_MAX and _all_atoms(thing):
            entry.reference = thing
            self.young.append(entry)
            self.let_go()

    def release(self, entry: Entry) -> None:
        """Something unknown is about to be put into a container: hold it no longer."""
        if not isinstance(entry.reference, _WEAK):
            entry.reference = None

    def let_go(self, *, all_of_them: bool = False) -> None:
        """Drop the containers that nobody but us holds any more: the last few whenever there is a new one, others when
        there are twice as many as last time."""
        living = self._only_living(self.young)
        if len(living) > _YOUNG_MAX:
            self.old += living[:-_YOUNG_MAX]
            living = living[-_YOUNG_MAX:]
        self.young = living
        if all_of_them or len(self.old) > self.old_max:
            self.old = self._only_living(self.old)
            self.old_max = max(_OLD_MIN, 2 * len(self.old))

    def _only_living(self, entries: list[Entry]) -> list[Entry]:
        living: list[Entry] = []
        for entry in entries:
            if entry.reference is None:
                continue
            if getrefcount(entry.reference) > _OUR_REFERENCES:
                living.append(entry)
            else:
                if self.entries.get(entry.object_id) is entry:
                    del self.entries[entry.object_id]
                entry.reference = None
        return living

    def _understood(self, kind: type, name: str) -> tuple[int, Any]:
        found = self.types.get((kind, name))
        if found is None:
            found = self.types[kind, name] = look_up(kind, name)
        return found

    def attribute(
        self, entry: Entry, thing: Any, site: int, name: str, writing: bool, thread: VirtualThread
    ) -> Variable | None:
        """The variable behind ``thing.name``; None when it is code, not data."""
        if issubclass(type_of(thing), type):
            for base in mro_of(thing):
                if name in namespace_of(base):
                    if isinstance(namespace_of(base)[name], NOT_DATA):
                        break
                    owner = entry if base is thing else self.entry(base, site, thread)
                    return None if owner is None else self.variable(owner, name)
            else:
                return self.variable(entry, name) if writing else None
            return None
        sort, found = self._understood(type_of(thing), name)
        if sort == Kind.SKIP:
            return None
        if sort == Kind.CLASS and not writing and name not in own_attributes(thing):
            owner = self.entry(found, site, thread)
            return None if owner is None else self.variable(owner, name)
        return self.variable(entry, name)

    def entry(self, thing: Any, site: int, thread: VirtualThread) -> Entry | None:
        return self.entries.get(id(thing)) or self.enter(thing, site, thread)

    def variable(self, entry: Entry, part: Any) -> Variable:
        found = entry.variables.get(part)
        if found is None:
            group = f"{entry.group}.{part}"
            found = entry.variables[part] = Variable((entry.key, part), group, entry, part, group in self.visible)
        return found

    def item(self, entry: Entry, key: Any) -> Variable:
        found = entry.variables.get(key)
        if found is None:
            found = entry.variables[key] = Variable(
                (entry.key, "item", key), entry.group, entry, key, entry.group in self.visible, True
            )
            self.whole(entry)
        return found

    def whole(self, entry: Entry) -> Variable:
        if entry.whole is None:
            entry.whole = Container((entry.key, "whole"), entry.group, entry, None, entry.group in self.visible, True)
        return entry.whole

    def global_variable(self, file: str, name: str) -> Variable:
        found = self.globals.get((file, name))
        if found is None:
            short = file.rpartition("/")[2]
            group = f"global {short} {name}"
            entry = Entry(("global", file), types.ModuleType, f"global {short}", "")
            found = self.globals[file, name] = Variable((file, name), group, entry, name, group in self.visible)
        return found

    def value(self, variable: Variable, thing: Any) -> str:
        """What is in a variable now, as text; ``thing`` is the object it belongs to."""
        part = variable.part
        if variable.container:
            if part is None:
                return describe(thing)
            found: Any = MISSING
            if issubclass(type_of(thing), _DICT):
                found = _DICT.get(thing, part, MISSING)
            elif issubclass(type_of(thing), _LIST) and -len(thing) <= part < len(thing):
                found = _LIST.__getitem__(thing, part)
            elif issubclass(type_of(thing), _SET):
                found = part in thing
            return describe(found)
        if isinstance(thing, types.CellType):
            try:
                return describe(thing.cell_contents)
            except ValueError:
                return describe(MISSING)
        if issubclass(type_of(thing), _DICT):  # a module's globals
            return describe(_DICT.get(thing, part, MISSING))
        sort, found = self._understood(type_of(thing), part)
        if sort == Kind.SLOT:
            try:
                return describe(found.__get__(thing))
            except AttributeError:
                return describe(MISSING)
        own: Any = own_attributes(thing)
        return describe(own.get(part, MISSING)) if isinstance(own, _NAMESPACES) else ""


def _all_atoms(container: Any) -> bool:
    if type_of(container) is dict:
        return all(type_of(value) in _SIMPLE for pair in container.items() for value in pair)
    return all(type_of(value) in _SIMPLE for value in container)


def label_of(variable: Variable) -> str:
    """What to call a variable when no path from the program's own variables leads to it."""
    head = variable.holder.label
    if variable.holder.made_at:
        where = SITES[variable.holder.made_at]
        kind = variable.holder.kind.__name__
        head = name_at(where.file, where.line, where.column) or f"{kind} ({where.file.rpartition('/')[2]}:{where.line})"
    if variable.part is None:
        return head
    if variable.container:
        return f"{head}[{variable.part!r}]"
    return f"{head}.{variable.part}" if head else str(variable.part)
