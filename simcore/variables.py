"""Variables of the program as objects of the simulation: attributes, items, globals, closure cells, whole containers.

A variable knows who touched it last and what was written; which accesses are unordered, and when an access is a step,
is for simcore.access to say.
"""

from __future__ import annotations

import threading
import types
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from .dependency import Access
from .threads import VirtualThread
from .trace import Op
from .world import Operation, Primitive

READ, WRITE, ITEM_READ, ITEM_WRITE, WHOLE_READ, WHOLE_WRITE = range(6)
CONFLICTS: tuple[tuple[int, ...], ...] = (
    (WRITE,),
    (READ, WRITE),
    (WHOLE_WRITE,),
    (WHOLE_READ, WHOLE_WRITE),
    (ITEM_WRITE, WHOLE_WRITE),
    (ITEM_READ, ITEM_WRITE, WHOLE_READ, WHOLE_WRITE),
)
"""Which kinds of access to one variable conflict with each kind; the rows of ``dependency`` say the same.

Two writes to different keys of one dictionary do not: the insertion order they leave behind is not explored."""
WRITES = frozenset({WRITE, ITEM_WRITE, WHOLE_WRITE})

# Typed Any: a check for one of these must not make the type checker ask for the types inside.
type_of: Any = type
_ANY_LIST: Any = (list, set, frozenset, deque)
_ANY_DICT: Any = dict
_SIZED: Any = (tuple, list, dict, set, frozenset, deque, bytearray)
_ATOMS: Any = (str, int, float, bool, bytes, complex, type(None))
_NOT_THE_PROGRAMS = frozenset({"builtins", "threading", "queue", "concurrent.futures", "logging", "random"})
_ADDRESSES = (1 << 40, 1 << 48)
"""Where CPython's objects lie on 64-bit machines: a number in here is taken for an ``id()``, which differs every time."""
_CONTENT_MAX = 50
_TEXT_MAX = 120


class Variable(Primitive):
    """One place that threads can read and write.

    ``part`` is the attribute name or the key, None for a container as a whole; ``group`` names the variables that are
    made steps together: those of one class and attribute, or of the containers one statement makes.
    """

    kind = "Variable"
    __slots__ = (
        "_world",
        "container",
        "group",
        "holder",
        "key",
        "last",
        "looks",
        "owner",
        "part",
        "period",
        "seen",
        "uid",
        "value",
        "version",
        "visible",
        "written",
    )

    def __init__(self, key: Any, group: str, holder: Any, part: Any, visible: bool, container: bool = False) -> None:
        self.uid = 0
        """Given by the directory before the first access that is a step."""
        self.key = key
        """Identifies it in every execution."""
        self.group = group
        self.holder = holder
        """The entry of the object it belongs to (``simcore.access.Entry``), for names."""
        self.part = part
        self.container = container
        self.visible = visible
        """True when accesses to it are steps of the schedule."""
        self.owner: VirtualThread | None = None
        """The only thread that has touched it; None before the first access and once there were two."""
        self.last: dict[int, dict[int, tuple[int, int]]] = {}
        """Per kind of access and thread index, the step count and the site of the last one not yet covered."""
        self.period = -1
        self.looks = 0
        """How often it was read in a period (``simcore.access.AccessMonitor.period``)."""
        self.version = 0
        self.seen: dict[int, tuple[int, int, int]] = {}
        """Per thread index, what its last read saw: the version, the site, the step count."""
        self.written: tuple[int, int, int, dict[int, int]] | None = None
        """The last write: thread index, site, step count, and what its thread knew of the others then."""
        self.value = ""
        """What was last seen in it, as text: atoms by value, anything else by type and size."""

    def part_of(self) -> Primitive | None:
        return self.holder.whole if self.container and self.part is not None else None

    def reset(self) -> None:
        return


class Container(Variable):
    """A built-in container as a whole: its length, its order, everything in it."""

    kind = "Container"
    __slots__ = ()


class MemoryAccess(Operation):
    """An access that is a step: always possible, and dependent on other accesses to the same variable."""

    __slots__ = ("again", "extra", "label", "second", "site")
    productive = False
    target: Any
    """A :class:`Variable`."""

    def __init__(self, target: Variable, site: int, label: str, second: Variable | None) -> None:
        self.target = target
        self.site = site
        self.label = label  # pyright: ignore[reportAttributeAccessIssue]
        self.second = second
        self.extra: dict[str, Any] | None = None
        self.again = False
        """A read that found again and again what it knew: the thread is waiting for a change."""

    def apply(self, thread: VirtualThread) -> None:
        return

    def fruitless(self, result: Any) -> bool:
        return self.again


class Read(MemoryAccess):
    __slots__ = ()
    op = Op.READ
    pending = done = int(Access.VARIABLE_READ)
    polls = True


class Write(MemoryAccess):
    __slots__ = ()
    op = Op.WRITE
    pending = done = int(Access.VARIABLE_WRITE)
    productive = True


class ItemRead(Read):
    __slots__ = ()
    second_done = int(Access.ITEM_READ)


class ItemWrite(Write):
    __slots__ = ()
    second_done = int(Access.ITEM_WRITE)


class WholeRead(Read):
    __slots__ = ()
    op = Op.ATOMIC
    pending = done = int(Access.WHOLE_READ)


class WholeWrite(Write):
    __slots__ = ()
    op = Op.ATOMIC
    pending = done = int(Access.WHOLE_WRITE)


STEPS: tuple[type[MemoryAccess], ...] = (Read, Write, ItemRead, ItemWrite, WholeRead, WholeWrite)
"""The operation for each kind of access."""


_MRO: Any = vars(type)["__mro__"]
_NAMESPACE: Any = vars(type)["__dict__"]
_QUALIFIED: Any = vars(type)["__qualname__"]
_MODULE: Any = vars(type)["__module__"]
# Read so, and with issubclass(type(x), ...) in the place of isinstance, nothing that a program's class or metaclass may say
# about attributes is called: it may have hooks itself, and would be called again for ever.


def mro_of(kind: type) -> tuple[type, ...]:
    return _MRO.__get__(kind)


def namespace_of(kind: type) -> Mapping[str, Any]:
    """What stands in a class itself."""
    return _NAMESPACE.__get__(kind)


def name_of(kind: type) -> str:
    return _QUALIFIED.__get__(kind)


def module_of(kind: type) -> str:
    return str(_MODULE.__get__(kind))


def own_attributes(thing: Any) -> Mapping[str, Any]:
    """An object's own ``__dict__``; empty when it has none."""
    try:
        return namespace_of(thing) if issubclass(type(thing), type) else object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()


def describe(value: Any, depth: int = 3) -> str:
    """A value as text that is equal in every execution: atoms by value, containers by content (lists and sets without
    their order, which single atomic operations may leave either way), the program's objects by their attributes, anything
    else by its type.

    Runs no code of the program.
    """
    kind = type_of(value)
    if kind is int and _ADDRESSES[0] <= value < _ADDRESSES[1]:
        return "<number like an address>"
    if kind in _ATOMS:
        text = repr(value)
        return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
    if depth and len_of(value) <= _CONTENT_MAX:
        if kind is tuple:
            return f"({', '.join(describe(item, depth - 1) for item in value)})"
        if issubclass(kind, _ANY_LIST):
            inner = sorted(describe(item, depth - 1) for item in _items(value))
            return f"{name_of(kind)}[{', '.join(inner)}]"
        if isinstance(value, dict):
            pairs = sorted(
                f"{describe(key, depth - 1)}: {describe(item, depth - 1)}" for key, item in _ANY_DICT.items(value)
            )
            return f"{name_of(kind)}{{{', '.join(pairs)}}}"
        attributes = _attributes(value)
        if attributes:
            pairs = sorted(f"{name}={describe(item, depth - 1)}" for name, item in attributes.items())
            return f"{name_of(kind)}({', '.join(pairs)})"
    return repr(value) if value is MISSING else f"<{name_of(kind)}{_size(value)}>"


_OPAQUE: Any = (
    Primitive,
    threading.Thread,
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CodeType,
)


def _attributes(value: Any) -> dict[str, Any]:
    """What an instance of the program's classes holds; empty for anything else."""
    if issubclass(type_of(value), _OPAQUE) or module_of(type_of(value)) in _NOT_THE_PROGRAMS:
        return {}
    try:
        found: Any = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return dict(found) if type_of(found) is dict and len(found) <= _CONTENT_MAX else {}


def _items(value: Any) -> list[Any]:
    base = next(base for base in _ANY_LIST if issubclass(type_of(value), base))
    return list(base.__iter__(value))


def len_of(value: Any) -> int:
    """The length of a built-in container, without calling a subclass's own ``__len__``; 0 for anything else."""
    base: Any = next((base for base in _SIZED if issubclass(type_of(value), base)), None)
    return 0 if base is None else base.__len__(value)


def _size(value: Any) -> str:
    return f" of {len_of(value)}" if issubclass(type_of(value), _SIZED) else ""


class Kind:
    """How attribute access on a type is to be understood, found without running any of its code."""

    SKIP: ClassVar[int] = 0
    INSTANCE: ClassVar[int] = 1
    SLOT: ClassVar[int] = 2
    CLASS: ClassVar[int] = 3


_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    type,
    classmethod,
    staticmethod,
    property,
)


def look_up(kind: Any, name: str) -> tuple[int, Any]:
    """What ``object.name`` means for instances of ``kind``: (Kind, the class attribute or the class that has it).

    Methods, properties and other descriptors are code, which is seen where it runs; a value in the class is one
    variable for all instances until an instance gets its own.
    """
    for base in mro_of(kind):
        found = namespace_of(base).get(name, MISSING)
        if found is MISSING:
            continue
        if isinstance(found, types.MemberDescriptorType):
            return Kind.SLOT, found
        if isinstance(found, _CODE) or hasattr(cast("Any", type(found)), "__get__"):
            return Kind.SKIP, None
        return Kind.CLASS, base
    return Kind.INSTANCE, None
