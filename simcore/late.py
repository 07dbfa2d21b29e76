"""Modules of the standard library that few programs import: their names are taken over when somebody does.

A finder on ``sys.meta_path`` that adds the replacements at the end of the import; importing them always would cost
every run more time than most executions take.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

_Row = tuple[Any, str, Any]
_ROOMS = {
    "socket": "sockets",
    "selectors": "selecting",
    "asyncio.base_events": "loops",
    "multiprocessing.connection": "process_pipe",
    "multiprocessing.pool": "thread_pool",
}
"""The room of the primitives that stands in for a module."""


class LateTakeover(importlib.abc.MetaPathFinder):
    """Calls ``install`` with the rows of each module of ``_ROOMS`` once it has been executed."""

    def __init__(self, install: Callable[[list[_Row]], None]) -> None:
        self._install = install

    def begin(self) -> None:
        """Take over what is imported already, and watch for the others."""
        for name in _ROOMS:
            if name in sys.modules:
                self._take_over(name)
        sys.meta_path.insert(0, self)

    def end(self) -> None:
        """Stop watching; the names are given back with all others."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def _take_over(self, name: str) -> None:
        room: Any = importlib.import_module(f"..primitives.{_ROOMS[name]}", __name__)
        self._install(room.replacements())

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _ROOMS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda: self._take_over(fullname))
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, real: Any, afterwards: Callable[[], None]) -> None:
        self._real = real
        self._afterwards = afterwards

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        self._afterwards()
