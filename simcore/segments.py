"""Which C calls let go of the GIL: their time in a timed run becomes a burst without GIL, everything else holds it.

A short table of library functions is wrapped while a run lasts. What the table cannot see (operators such as ``@``,
C functions nobody listed, files) counts as holding the GIL, and :meth:`Watched.limits` says so.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

HASH_BYTES_MIN = 2048
"""hashlib keeps the GIL for anything shorter (``HASHLIB_GIL_MINSIZE``, CPython's Modules/hashlib.h)."""
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")
_NEWER_HASHES = ("sha3_224", "sha3_256", "sha3_384", "sha3_512", "shake_128", "shake_256")
_DERIVATIONS = ("pbkdf2_hmac", "scrypt")
_NUMPY = ("dot", "matmul", "vdot", "inner", "tensordot", "einsum")
_EQUATIONS = ("cholesky", "inv", "lstsq", "pinv", "qr", "solve")
_VALUES = ("det", "eig", "eigh", "eigvals", "eigvalsh", "norm", "slogdet", "svd")


class MeasuringWorld(Protocol):
    """What the timed world offers here."""

    measure: bool

    def is_active(self) -> bool:
        """Is the calling code inside this run?"""
        ...

    def leave_python(self) -> None:
        """The running thread is about to enter C code that releases the GIL."""
        ...

    def enter_python(self) -> None:
        """It is back."""
        ...


class Watched:
    """The calls of one run that were seen to release the GIL."""

    __slots__ = ("calls", "inside", "numpy_unseen", "world")

    def __init__(self, world: MeasuringWorld) -> None:
        self.world = world
        self.calls: Counter[str] = Counter()
        self.inside = False
        """In such a call already: a wrapped function may use another one."""
        self.numpy_unseen = "numpy" not in sys.modules

    def call(self, name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``real`` with its time counted as free of the GIL, when this run is the active world."""
        if self.inside or not self.world.is_active():
            return real(*args, **kwargs)
        self.calls[name] += 1
        self.inside = True
        self.world.leave_python()
        try:
            return real(*args, **kwargs)
        finally:
            self.world.enter_python()
            self.inside = False

    def limits(self) -> list[str]:
        """What a prediction must say about segments it could not see through."""
        found = [
            "C calls other than hashlib (2 KiB and more), zlib, numpy.dot, matmul and linalg count as holding the GIL, "
            "and so does the @ operator"
        ]
        if self.numpy_unseen and "numpy" in sys.modules:
            found.append("numpy was first imported during the run: all its calls count as holding the GIL")
        return found


class _Released:
    """Stands for a function or ufunc that releases the GIL; everything but the call is the original's."""

    __slots__ = ("_name", "_real", "_watched")

    def __init__(self, watched: Watched, name: str, real: Any) -> None:
        self._watched = watched
        self._name = name
        self._real = real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._watched.call(self._name, self._real, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)


class _Hash:
    """Stands for a hash object: ``update`` with enough data releases the GIL."""

    __slots__ = ("_name", "_real", "_watched")

    def __init__(self, watched: Watched, name: str, real: Any) -> None:
        self._watched = watched
        self._name = name
        self._real = real

    def update(self, data: Any, /) -> None:
        if _length(data) >= HASH_BYTES_MIN:
            self._watched.call(self._name, self._real.update, (data,), {})
        else:
            self._real.update(data)

    def copy(self) -> _Hash:
        return _Hash(self._watched, self._name, self._real.copy())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)


def _length(data: Any) -> int:
    """The size in bytes of anything hashable; 0 lets the real function complain."""
    try:
        return memoryview(data).nbytes
    except TypeError:
        return 0


def _hash_constructor(watched: Watched, name: str, real: Callable[..., Any], data_position: int) -> Callable[..., Any]:
    def constructor(*args: Any, **kwargs: Any) -> Any:
        data = args[data_position] if len(args) > data_position else kwargs.get("data", kwargs.get("string", b""))
        if _length(data) >= HASH_BYTES_MIN:
            return _Hash(watched, name, watched.call(name, real, args, kwargs))
        return _Hash(watched, name, real(*args, **kwargs))

    constructor.__name__ = constructor.__qualname__ = name
    return constructor


def _replacements(watched: Watched) -> list[tuple[Any, str, Any]]:
    table: list[tuple[Any, str, Any]] = []
    for name in _HASHES + _NEWER_HASHES:
        table.append((hashlib, name, _hash_constructor(watched, name, getattr(hashlib, name), 0)))
    table.append((hashlib, "new", _hash_constructor(watched, "new", hashlib.new, 1)))
    released: list[tuple[Any, str]] = [(hashlib, name) for name in _DERIVATIONS if hasattr(hashlib, name)]
    released += [(zlib, "compress"), (zlib, "decompress")]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        released += [(numpy, name) for name in _NUMPY]
        released += [(numpy.linalg, name) for name in _EQUATIONS + _VALUES]
    table += [(module, name, _Released(watched, name, getattr(module, name))) for module, name in released]
    return table


@contextmanager
def watched(world: MeasuringWorld) -> Generator[Watched]:
    """While it lasts, the calls of the table report to ``world``; without measuring, nothing is replaced."""
    found = Watched(world)
    saved: list[tuple[Any, str, Any]] = []
    try:
        if world.measure:
            for holder, name, value in _replacements(found):
                saved.append((holder, name, getattr(holder, name)))
                setattr(holder, name, value)
        yield found
    finally:
        for holder, name, value in reversed(saved):
            setattr(holder, name, value)
