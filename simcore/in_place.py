"""Hooks in functions that exist already: for a program given as a Python function, in the process that calls us.

The functions of its module get the code that the rewriter makes of their source, for as long as they are explored; the
objects stay the same, so whoever holds them runs the new code. It knows the rewriter and no world.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .instrument import Instrument, matches

_DEPTH_MAX = 4
"""How deep functions are looked for in classes, closures and wrappers."""


@contextmanager
def rewritten_in_place(function: Callable[..., Any], instrument: Instrument) -> Generator[list[str]]:
    """While it lasts, the functions of the file that ``function`` is written in, and those of the modules that
    ``instrument`` names, call hooks before shared accesses.

    Gives a list of what stays unseen, a sentence each; empty when all of that is seen.

    Raises:
        TargetError: ``instrument`` names what is not there or cannot be rewritten.
    """
    from .rewriting import rewrite

    instrument.check()
    inner = _plain(function)
    unseen: list[str] = []
    changed: list[tuple[types.FunctionType, types.CodeType]] = []
    roots: dict[str, list[Any]] = {}
    own = "" if inner is None else inner.__code__.co_filename
    if inner is None or not Path(own).is_file():
        unseen.append("the function has no source file, so its accesses to shared variables were not watched")
    else:
        roots[own] = [inner, *vars(sys.modules.get(inner.__module__, inner)).values()]
    loaded = instrument.loaded()
    for name in loaded:
        module = sys.modules[name]
        roots.setdefault(module.__file__ or "", []).extend(vars(module).values())
    for pattern in instrument.names():
        if not any(matches(pattern, name) for name in loaded):
            unseen.append(f"{pattern} had not been imported, so its accesses to shared variables were not watched")
    try:
        for file, things in roots.items():
            rewritten = rewrite(Path(file).read_bytes(), file, instrument.folder)
            unseen += rewritten.not_seen
            codes = {(code.co_qualname, code.co_firstlineno): code for code in _nested(rewritten.code)}
            for found in _functions(things, file):
                old = found.__code__
                new = codes.get((old.co_qualname, old.co_firstlineno))
                if new is None or new.co_freevars != old.co_freevars:
                    unseen.append(f"the source of {old.co_qualname} has changed since it was loaded")
                    continue
                changed.append((found, old))
                found.__code__ = new
        yield unseen
    finally:
        for found, old in changed:
            found.__code__ = old


def _plain(function: Any) -> types.FunctionType | None:
    while isinstance(function, functools.partial | types.MethodType | staticmethod | classmethod):
        function = function.func if isinstance(function, functools.partial) else function.__func__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(function, types.FunctionType):
        return function
    call: Any = getattr(function, "__call__", None)  # noqa: B004 - an object that can be called
    return _plain(call.__func__) if isinstance(call, types.MethodType) else None


def _nested(code: types.CodeType) -> Iterable[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _functions(things: Iterable[Any], file: str) -> list[types.FunctionType]:
    """The functions written in ``file`` that these lead to: themselves, in classes, wrapped, in closures."""
    found: dict[int, types.FunctionType] = {}
    seen: set[int] = set()
    todo = [(thing, 0) for thing in things]
    while todo:
        thing, depth = todo.pop()
        if id(thing) in seen or depth > _DEPTH_MAX:
            continue
        seen.add(id(thing))
        parts: list[Any] = []
        if isinstance(thing, types.FunctionType):
            if thing.__code__.co_filename == file:
                found[id(thing)] = thing
            parts += [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
            parts.append(thing.__dict__.get("__wrapped__"))
        elif isinstance(thing, type):
            parts += vars(thing).values()
        elif isinstance(thing, staticmethod | classmethod | types.MethodType):
            parts.append(thing.__func__)  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(thing, property):
            parts += [thing.fget, thing.fset, thing.fdel]
        elif isinstance(thing, functools.cached_property):
            parts.append(thing.func)  # pyright: ignore[reportUnknownMemberType]
        todo += [(part, depth + 1) for part in parts]
    return [*found.values()]


def _filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
