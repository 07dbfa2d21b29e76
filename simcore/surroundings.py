"""What a program may change around itself is put back after each execution, so that the next begins where it did.

Knows the interpreter's and the standard library's variables that programs set; not files, not what installed packages
keep. Compares before it writes, since it runs once an execution.
"""

from __future__ import annotations

import builtins
import gc
import os
import queue
import random
import sys
import threading
import time
import warnings
from typing import Any

from .primitives import descriptors

_MODULES: tuple[dict[str, Any], ...] = tuple(vars(module) for module in (builtins, threading, queue, time, random))
"""Modules that programs patch: names set, replaced or deleted are put back."""
_HOOKS = (
    *("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook", "breakpointhook"),
    *("path", "argv", "meta_path", "path_hooks", "dont_write_bytecode"),
)
_STREAMS = (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w"))
_sys = vars(sys)
_environment: Any = os.environ
_warnings: Any = warnings


class Surroundings:
    """The state of the interpreter when it is made; :meth:`restore` brings it back."""

    __slots__ = (
        "_directory",
        "_environment",
        "_filters",
        "_garbage",
        "_hooks",
        "_lists",
        "_logging",
        "_modules",
        "_names",
        "_recursion",
        "_tracing",
    )

    def __init__(self) -> None:
        self._names = [table.copy() for table in _MODULES]
        self._hooks: list[Any] = [_sys.get(name) for name in _HOOKS]
        self._lists: list[Any] = [[*value] if type(value) is list else None for value in self._hooks]
        self._environment = _environment._data.copy()
        self._directory = _directory()
        self._filters = warnings.filters[:]
        self._modules = tuple(sys.modules)
        self._recursion = sys.getrecursionlimit()
        self._garbage = gc.get_threshold()
        self._tracing = sys.gettrace(), sys.getprofile()
        logging = sys.modules.get("logging")
        self._logging = None if logging is None else _Loggers(logging)

    def restore(self) -> None:
        """Put everything back that was changed."""
        for table, before in zip(_MODULES, self._names, strict=True):
            if not _same(table, before):
                table.clear()
                table.update(before)
        for name, value, items in zip(_HOOKS, self._hooks, self._lists, strict=True):
            if _sys.get(name) is not value:
                setattr(sys, name, value)
            if items is not None and value != items:
                value[:] = items
        self._restore_streams()
        if _environment._data != self._environment:
            self._restore_environment()
        if self._directory and _directory() != self._directory:
            os.chdir(self._directory)
        if warnings.filters != self._filters:
            _warnings.filters[:] = self._filters
            _warnings._filters_mutated()
        if len(sys.modules) != len(self._modules):
            self._forget_made_modules()
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        self._restore_tracing()
        logging = sys.modules.get("logging")
        if self._logging is not None:
            self._logging.restore()
        elif logging is not None:
            _Loggers.clear(logging)

    def _restore_streams(self) -> None:
        """A standard stream that the program closed goes nowhere in the next execution."""
        for name, descriptor, mode in _STREAMS:
            if descriptor in descriptors.standard_closed:
                descriptors.standard_closed.discard(descriptor)
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != descriptor:
                    os.dup2(opened, descriptor)
                    os.close(opened)
            stream: Any = _sys.get(name)
            if getattr(stream, "closed", False):
                setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115

    def _restore_environment(self) -> None:
        data: dict[Any, Any] = _environment._data
        for key in [key for key in data if key not in self._environment]:
            os.unsetenv(key)
            del data[key]
        for key, value in self._environment.items():
            if data.get(key) != value:
                os.putenv(key, value)
                data[key] = value

    def _forget_made_modules(self) -> None:
        """Modules that the program made itself; imported ones stay, since they are imported once."""
        before = frozenset(self._modules)
        for name in [name for name in sys.modules if name not in before]:
            module: Any = sys.modules[name]
            if getattr(module, "__spec__", None) is None:
                del sys.modules[name]

    def _restore_tracing(self) -> None:
        trace, profile = self._tracing
        if sys.gettrace() is not trace:
            sys.settrace(trace)
        if sys.getprofile() is not profile:
            sys.setprofile(profile)
        if gc.get_threshold() != self._garbage:
            gc.set_threshold(*self._garbage)


def _same(table: dict[str, Any], before: dict[str, Any]) -> bool:
    """Nothing was set: then each value is found identical, and only else compared with what the program set."""
    try:
        return table == before
    except Exception:  # its own __eq__
        return False


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


class _Loggers:
    """The loggers there are, and what programs set on them."""

    __slots__ = ("_disabled", "_handlers", "_logging", "_names", "_rows")

    def __init__(self, logging: Any) -> None:
        self._logging = logging
        self._names = dict(logging.root.manager.loggerDict)
        self._disabled = logging.root.manager.disable
        self._handlers = [*logging._handlerList]
        self._rows = [
            (logger, [*logger.handlers], [*logger.filters], logger.level, logger.propagate, logger.disabled)
            for logger in (logging.root, *self._names.values())
            if isinstance(logger, logging.Logger)
        ]

    def restore(self) -> None:
        manager = self._logging.root.manager
        changed = manager.disable != self._disabled
        manager.disable = self._disabled
        if len(manager.loggerDict) != len(self._names):
            manager.loggerDict.clear()
            manager.loggerDict.update(self._names)
            changed = True
        if self._logging._handlerList != self._handlers:
            self._logging._handlerList[:] = self._handlers
        for logger, handlers, filters, level, propagate, disabled in self._rows:
            if (logger.level, logger.propagate, logger.disabled) != (level, propagate, disabled):
                logger.level, logger.propagate, logger.disabled = level, propagate, disabled
                changed = True
            if logger.handlers != handlers:
                logger.handlers[:] = handlers
            if logger.filters != filters:
                logger.filters[:] = filters
        if changed:
            for row in self._rows:
                row[0]._cache.clear()

    @staticmethod
    def clear(logging: Any) -> None:
        """The module was imported by the program: as after its import."""
        logging.root.manager.loggerDict.clear()
        logging.root.manager.disable = 0
        logging.root.handlers.clear()
        logging.root.filters.clear()
        logging.root.setLevel(logging.WARNING)
