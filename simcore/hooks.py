"""What rewritten code calls at its shared accesses: the names, what they do outside a world, and the table of sites.

The rewriter writes these names and a world fills them; this room knows neither. A hook is called immediately before
the access, which stays in the user's code: a hook reports (and may let another thread go first), it never accesses.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CellType
from typing import Any, Final, Literal, TypeVar

Thing = TypeVar("Thing")

Kind = Literal[
    "attribute",
    "item",
    "whole",
    "method",
    "inplace",
    "iteration",
    "global",
    "cell",
    "dynamic",
    "new",
]
"""What a site accesses.

``attribute`` ``x.a``; ``item`` ``x[k]`` and ``k in x``; ``whole`` all of a container (``len(x)``, a slice, a truth
test); ``method`` a call ``x.m()`` that may be a container's; ``inplace`` ``x += e``, which may change a container in
its place; ``iteration`` ``for v in x``; ``global`` and ``cell`` a variable of a module or of a function around;
``dynamic`` ``getattr`` and its family; ``new`` makes a container.
"""
Does = Literal["read", "write", "delete"]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the source where something that may be shared is accessed."""

    number: int
    """Its key in :data:`SITES`: the same in every process that rewrites the same source under the same file name."""
    kind: Kind
    does: Does
    """For ``method`` always ``read``: what a method does depends on the object, so the hook decides."""
    name: str
    """The attribute (mangled as the object has it), method or variable; empty for items, wholes and iterations."""
    text: str
    """The source of the object accessed: ``self.items`` in ``self.items[0]`` and in ``self.items.append(1)``."""
    file: str
    line: int
    column: int
    """From 0, in UTF-8 bytes, as in tracebacks."""
    function: str
    """Qualified name of the function around, ``<module>`` at the top."""
    pair: int = 0
    """For the write of ``x += e`` or ``x = f(x)``: the site of the read that it depends on; 0: none."""
    blind: bool = False
    """A write of a constant: what was there before does not matter to it."""


SITES: dict[int, Site] = {}
"""Every site of the code rewritten in this process, or read from the cache, by number."""


class _NoKey:
    """The key of an access to all of a container, or to none of its keys."""

    def __repr__(self) -> str:
        return "NOKEY"


NOKEY: Final = _NoKey()


class _Same:
    """The default of ``key`` in ``__weft_argument__``: the value is the key."""

    def __repr__(self) -> str:
        return "SAME"


SAME: Final = _Same()


def passive_object(obj: Thing, site: int) -> Thing:
    """``read(x, S).a`` and ``write(x, S).a = v``; ``len(whole(x, S))``; ``for v in iter(x, S)``; ``new([], S)``."""
    return obj


def passive_object_at_key(obj: Thing, key: object, site: int) -> Thing:
    """``item_read(x, k, S)[k]`` for a key that is a name or a constant; ``getattr(dynamic_read(x, n, S), n)``."""
    return obj


def passive_key(obj: object, key: Thing, site: int) -> Thing:
    """``(t := x)[key_read(t, k, S)]`` for any other key."""
    return key


def passive_method(obj: Thing, site: int, key: object) -> Thing:
    """``method(x, S, a).m(a, b)``: the arguments are names and constants, ``key`` is the first of them or NOKEY."""
    return obj


def passive_argument(obj: object, value: Thing, site: int, key: object = SAME) -> Thing:
    """``x.m(a, argument(x, b(), S, a))``: around the last argument, called when all are evaluated; returns it.

    ``key`` is the first argument, NOKEY when it is not known, and SAME where ``value`` is the only argument. The kind of
    the site tells it from two others: ``inplace`` is ``x += argument(x, e, S, NOKEY)``, where ``x`` may be anything, and
    ``dynamic`` is ``setattr(x, n, argument(x, e(), S, n))`` and ``getattr(x, argument(x, n(), S))``.
    """
    return value


def passive_variable(site: int) -> None:
    """``(global_(S) or x)``: must return None."""


def passive_variable_write(value: Thing, site: int) -> Thing:
    """``x = global_write(v, S)``; ``global_write(None, S)`` as a statement of its own before ``del x``, ``def x``."""
    return value


def passive_cell(cell: CellType, site: int) -> None:
    """``(cell((lambda: x).__closure__[0], S) or x)``: must return None."""


def passive_cell_write(value: Thing, cell: CellType, site: int) -> Thing:
    """``x = cell_write(v, (lambda: x).__closure__[0], S)``."""
    return value


PASSIVE: Final[Mapping[str, Callable[..., Any]]] = {
    "__weft_read__": passive_object,
    "__weft_write__": passive_object,
    "__weft_item_read__": passive_object_at_key,
    "__weft_item_write__": passive_object_at_key,
    "__weft_key_read__": passive_key,
    "__weft_key_write__": passive_key,
    "__weft_whole__": passive_object,
    "__weft_whole_write__": passive_object,
    "__weft_method__": passive_method,
    "__weft_argument__": passive_argument,
    "__weft_iter__": passive_object,
    "__weft_global__": passive_variable,
    "__weft_global_write__": passive_variable_write,
    "__weft_cell__": passive_cell,
    "__weft_cell_write__": passive_cell_write,
    "__weft_dynamic_read__": passive_object_at_key,
    "__weft_dynamic_write__": passive_object_at_key,
    "__weft_new__": passive_object,
}
"""The hooks, and what they do outside a world. All are called with positional arguments only."""

FIXED: Final[Mapping[str, Any]] = {
    "__weft_nokey__": NOKEY,
    **{
        f"__weft_{name}__": getattr(operator, name)
        for name in (
            "iadd",
            "iand",
            "iconcat",
            "ifloordiv",
            "ilshift",
            "imatmul",
            "imod",
            "imul",
            "ior",
            "ipow",
            "irshift",
            "isub",
            "itruediv",
            "ixor",
        )
    },
}
"""Further names in rewritten code that nobody replaces."""

# In builtins, so that no name appears in the module that was rewritten, and so that one assignment changes them all.
_names: dict[str, Any] = builtins.__dict__  # pyright: ignore[reportAssignmentType]
_names.update(PASSIVE)
_names.update(FIXED)


def install(hooks: Mapping[str, Callable[..., Any]]) -> None:
    """Let rewritten code call these hooks; those not given stay as they are.

    Raises:
        KeyError: no hook has this name.
    """
    for name in hooks:
        if name not in PASSIVE:
            raise KeyError(name)
    _names.update(hooks)


def uninstall() -> None:
    """Let all hooks be passive again."""
    _names.update(PASSIVE)


_value_of_pair = operator.itemgetter(1)
_NEVER = object()


def watched(access: Callable[[], None], values: Iterable[Thing]) -> Iterator[Thing]:
    """Iterate over ``values`` with a call of ``access`` right before each step, the last one included.

    Made of C iterators, so that an exception of the step itself ("changed size during iteration") has no frame of ours
    in its traceback. What ``__weft_iter__`` returns for a container.
    """
    return map(_value_of_pair, zip(iter(access, _NEVER), values))  # noqa: B905 - one of them never ends
