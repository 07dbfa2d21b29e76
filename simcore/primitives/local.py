"""Thread-local data: one dictionary a thread, virtual threads included.

Knows which thread asks and nothing about why; reading and writing it is never a step, since no other thread can see.
"""

from __future__ import annotations

import _thread
import itertools
from typing import Any

from .. import world as _world
from .lock import RealRLock

RealLocal = _thread._local
_keys = itertools.count()
_get = object.__getattribute__
_set = object.__setattr__
_delete = object.__delattr__


class local:  # noqa: N801 - CPython's name
    """``threading.local``: attributes have a value of their own in each thread.

    Inside a world the values live in ``VirtualThread.locals``, outside in a real thread-local object. A subclass's
    ``__init__`` runs once in each thread, with the arguments given at creation, as in CPython.
    """

    __slots__ = ("__dict__", "__weakref__", "_local__arguments", "_local__key", "_local__real", "_local__switching")

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Any:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        _set(self, "_local__key", next(_keys))
        _set(self, "_local__arguments", (args, kwargs))
        _set(self, "_local__real", RealLocal())
        _set(self, "_local__switching", RealRLock())
        _store(self, {})  # this thread's __init__ is about to be called by whoever called the class
        return self

    def __getattribute__(self, name: str) -> Any:
        with _get(self, "_local__switching"):
            _switch(self)
            return _get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        with _get(self, "_local__switching"):
            _switch(self)
            _set(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        with _get(self, "_local__switching"):
            _switch(self)
            _delete(self, name)


def _store(self: local, values: dict[str, Any]) -> None:
    """Make ``values`` the calling thread's attributes."""
    world = _world.active
    if world is None:
        _get(self, "_local__real").values = values
    else:
        world.thread.locals[_get(self, "_local__key")] = values


def _switch(self: local) -> None:
    """Put the calling thread's attributes in place; on its first use that means ``__init__`` again."""
    world = _world.active
    if world is None:
        values = getattr(_get(self, "_local__real"), "values", None)
    else:
        values = world.thread.locals.get(_get(self, "_local__key"))
    if values is None:
        values = dict[str, Any]()
        _store(self, values)
        if type(self).__init__ is not object.__init__:
            args, kwargs = _get(self, "_local__arguments")
            type(self).__init__(self, *args, **kwargs)
    _set(self, "__dict__", values)
