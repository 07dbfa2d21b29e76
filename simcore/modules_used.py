"""Modules that a function's code leads to by the names it uses: where its accesses happen besides its own file.

Reads what is imported and runs none of it; which of them are watched is not its question.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from .instrument import has_source, needed_by_weft
from .library import is_library

_TOOLS = frozenset({"pytest", "_pytest", "hypothesis", "pluggy", "unittest"})
"""What tests are written with: it calls the program, and shares nothing with its threads."""


def modules_used(function: Callable[..., Any]) -> list[str]:
    """Names of the imported modules with Python source that the function's module uses, directly or through its own
    modules; of an installed package its name alone, and none of what it uses itself. Without the standard library,
    what tests are written with, and the function's own module."""
    start = getattr(function, "__module__", None) or ""
    found: dict[str, None] = {}
    todo = [start]
    seen = {start}
    while todo:
        for name in _named_by(vars(sys.modules.get(todo.pop(), types)).values()):
            module = sys.modules.get(name)
            if name in seen or module is None:
                continue
            seen.add(name)
            file = str(getattr(module, "__file__", None) or "")
            top = name.partition(".")[0]
            if not has_source(module) or is_library(file) or top in _TOOLS or needed_by_weft(name):
                continue
            if "/site-packages/" in file:
                found[top] = None
            else:
                found[name] = None
                todo.append(name)
    return [*found]


def _named_by(values: Iterable[Any]) -> set[str]:
    """The modules that these are, or come from."""
    names: set[object] = set()
    for value in values:
        if isinstance(value, types.ModuleType):
            names.add(value.__name__)
        else:
            made_by = value if isinstance(value, type | types.FunctionType) else type(value)
            names.add(getattr(made_by, "__module__", None))
    return {name for name in names if isinstance(name, str)}
