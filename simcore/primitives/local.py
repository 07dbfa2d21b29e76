"""Thread-local data: one dictionary a thread, virtual threads included.

Knows which thread asks and nothing about why; reading and writing it is never a step, since no other thread can see.
"""

from __future__ import annotations

import _thread
import weakref
from functools import partial
from typing import Any

from .. import world as _world
from ..threads import VirtualThread
from .lock import RealRLock

RealLocal = _thread._local
_get = object.__getattribute__
_set = object.__setattr__
_delete = object.__delattr__
_NOTHING: dict[str, Any] = {}
"""Between two uses an object has no thread's attributes: the last thread may end, and its values must go."""


class local:  # noqa: N801 - CPython's name
    """``threading.local``: attributes have a value of their own in each thread.

    Outside a world the values live in a real thread-local object. Inside one they live here, by thread, and the thread
    knows its objects weakly (``VirtualThread.locals``): as in CPython the values go when the thread ends or the object
    dies, whichever comes first. A subclass's ``__init__`` runs once in each thread, with the arguments given at creation.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_local__arguments",
        "_local__real",
        "_local__switching",
        "_local__values",
    )

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Any:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        _set(self, "_local__values", {})
        _set(self, "_local__arguments", (args, kwargs))
        _set(self, "_local__real", RealLocal())
        _set(self, "_local__switching", RealRLock())
        _store(self, {})  # this thread's __init__ is about to be called by whoever called the class
        return self

    def __getattribute__(self, name: str) -> Any:
        with _get(self, "_local__switching"):
            _switch(self)
            try:
                return _get(self, name)
            finally:
                _set(self, "__dict__", _NOTHING)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        with _get(self, "_local__switching"):
            _switch(self)
            try:
                _set(self, name, value)
            finally:
                _set(self, "__dict__", _NOTHING)

    def __delattr__(self, name: str) -> None:
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        with _get(self, "_local__switching"):
            _switch(self)
            try:
                _delete(self, name)
            finally:
                _set(self, "__dict__", _NOTHING)


def _store(self: local, values: dict[str, Any]) -> None:
    """Make ``values`` the calling thread's attributes."""
    world = _world.active
    if world is None:
        _get(self, "_local__real").values = values
    else:
        _get(self, "_local__values")[world.thread] = values
        world.thread.locals[id(self)] = partial(_forget, weakref.ref(self), world.thread)


def _switch(self: local) -> None:
    """Put the calling thread's attributes in place; on its first use that means ``__init__`` again."""
    world = _world.active
    if world is None:
        values = getattr(_get(self, "_local__real"), "values", None)
    else:
        values = _get(self, "_local__values").get(world.thread)
    if values is None:
        values = dict[str, Any]()
        _store(self, values)
        if type(self).__init__ is not object.__init__:
            args, kwargs = _get(self, "_local__arguments")
            type(self).__init__(self, *args, **kwargs)
    _set(self, "__dict__", values)


def _forget(reference: weakref.ref[local], thread: VirtualThread) -> None:
    """``thread`` ends: its values go, and whatever only they kept alive."""
    found = reference()
    if found is not None:
        _get(found, "_local__values").pop(thread, None)
