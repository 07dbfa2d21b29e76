"""NumPy's view of pinned memory, with what is read and written through it noted: ``tensor.numpy()``.

An array of our own class, which looks like any other and shares the memory. What is computed from it is a plain array;
a view of it is watched, too. What C code does with its buffer is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

Touch = Callable[[str, int, int, bool], None]
"""Told of an access: what did it, the addresses from where to where (excluded) it goes, and whether it writes."""
_library: Any = getattr(numpy.lib, "array_utils", numpy)  # where it is since NumPy 2
_bounds: Callable[[Any], tuple[int, int]] = _library.byte_bounds
_READS = (
    "tolist",
    "item",
    "tobytes",
    "copy",
    "astype",
    "dump",
    "dumps",
    "tofile",
    "argmax",
    "argmin",
    "argsort",
    "nonzero",
    "dot",
    "take",
    "flatten",
    "__repr__",
    "__str__",
    "__format__",
    "__float__",
    "__int__",
    "__bool__",
    "__contains__",
    "__complex__",
    "__index__",
    "__copy__",
    "__deepcopy__",
    "__reduce__",
    "__array__",
)
_WRITES = ("fill", "sort", "partition", "put", "byteswap", "resize", "setfield")


class PinnedArray(numpy.ndarray):
    """A view of pinned memory. ``touch`` is None for arrays that own what they hold."""

    touch: Touch | None

    def __array_finalize__(self, whole: Any, /) -> None:
        self.touch = getattr(whole, "touch", None) if self.base is not None else None

    def note(self, name: str, *, write: bool = False) -> None:
        if self.touch is not None and self.size:
            low, high = _bounds(_plain(self))
            self.touch(name, low, high, write)

    def __getitem__(self, key: Any) -> Any:
        found: Any = super().__getitem__(key)
        if isinstance(found, PinnedArray) and numpy.shares_memory(_plain(found), _plain(self)):
            return found
        self.note("[]")
        return _plain(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.note("[]", write=True)
        if isinstance(value, PinnedArray):
            value.note("[]")
        _plain(self)[key] = _plain(value)

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        results = named.get("out", ())
        for given in inputs:
            if isinstance(given, PinnedArray):
                given.note(ufunc.__name__, write=method == "at" and given is inputs[0])
        for result in results:
            if isinstance(result, PinnedArray):
                result.note(ufunc.__name__, write=True)
        if results:
            named["out"] = tuple(_plain(result) for result in results)
        found = getattr(ufunc, method)(*(_plain(given) for given in inputs), **named)
        return results[0] if len(results) == 1 and results[0] is not None else found

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        _note_all((*args, *kwargs.values()), func.__name__)
        return func(*_plain_all(args), **{name: _plain_all(value) for name, value in kwargs.items()})


def _plain(value: Any) -> Any:
    return value.view(numpy.ndarray) if isinstance(value, PinnedArray) else value


def _plain_all(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_plain_all(part) for part in value)
    return _plain(value)


def _note_all(values: Any, name: str) -> None:
    for value in values:
        if isinstance(value, PinnedArray):
            value.note(name)
        elif type(value) in (list, tuple):
            _note_all(value, name)


def _noting(name: str, *, write: bool) -> Any:
    def method(self: PinnedArray, *args: Any, **named: Any) -> Any:
        self.note(name.strip("_"), write=write)
        return getattr(_plain(self), name)(*args, **named)

    method.__name__ = name
    return method


for _name in _READS:
    setattr(PinnedArray, _name, _noting(_name, write=False))
for _name in _WRITES:
    setattr(PinnedArray, _name, _noting(_name, write=True))


def watched(array: Any, touch: Touch) -> Any:
    """The same memory as an array that tells ``touch`` what is done with it."""
    view: Any = array.view(PinnedArray)
    view.touch = touch
    return view
