"""The calls of the standard library that let go of the GIL: hashing, compression, and files by their descriptors.

Only a table, and the objects that stand for those which do their work piece by piece.
"""

from __future__ import annotations

import binascii
import bz2
import hashlib
import lzma
import os
import types
import zlib
from collections.abc import Callable
from typing import Any

from .segments import Released, Row, Watched

HASH_BYTES_MIN = 2048
"""hashlib keeps the GIL for anything shorter (``HASHLIB_GIL_MINSIZE``, CPython's Modules/hashlib.h)."""
CHECKSUM_BYTES_MIN = 5 * 1024 + 1
"""``crc32`` and ``adler32`` keep the GIL up to 5 KiB (CPython's Modules/zlibmodule.c)."""
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")
_NEWER_HASHES = ("sha3_224", "sha3_256", "sha3_384", "sha3_512", "shake_128", "shake_256")
_DERIVATIONS = ("pbkdf2_hmac", "scrypt")
_FILES = (
    *("read", "write", "pread", "pwrite", "readv", "writev", "preadv", "pwritev", "sendfile", "copy_file_range"),
    *("fsync", "fdatasync", "ftruncate", "posix_fallocate"),
)
"""Of ``os``, as far as they are the real ones: those of pipes and sockets belong to the simulation."""
_PIECEWISE = frozenset({"compress", "decompress", "flush"})


class _Hash:
    """Stands for a hash object: ``update`` with enough data releases the GIL."""

    __slots__ = ("_name", "_real", "_watched")

    def __init__(self, watched: Watched, name: str, real: Any) -> None:
        self._watched = watched
        self._name = name
        self._real = real

    def update(self, data: Any, /) -> None:
        watched = self._watched
        watched.passed_ns += watched.own.update_ns
        if length(data) >= HASH_BYTES_MIN:
            watched.call(self._name, self._real.update, (data,), {})
        else:
            self._real.update(data)

    def copy(self) -> _Hash:
        return _Hash(self._watched, self._name, self._real.copy())

    def __getattr__(self, name: str) -> Any:
        watched = self._watched
        watched.passed_ns += watched.own.look_ns
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)


class _Stream:
    """Stands for a compressor or decompressor of zlib, whose methods release the GIL."""

    __slots__ = ("_name", "_real", "_watched")

    def __init__(self, watched: Watched, name: str, real: Any) -> None:
        self._watched = watched
        self._name = name
        self._real = real

    def copy(self) -> _Stream:
        return _Stream(self._watched, self._name, self._real.copy())

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return Released(self._watched, f"{self._name}.{name}", found) if name in _PIECEWISE else found

    def __repr__(self) -> str:
        return repr(self._real)


def length(data: Any) -> int:
    """The size in bytes of anything that has a buffer; 0 lets the real function complain."""
    try:
        return memoryview(data).nbytes
    except TypeError:
        return 0


def _hash_constructor(watched: Watched, name: str, real: Callable[..., Any], data_position: int) -> Callable[..., Any]:
    full_name = f"hashlib.{name}"

    def constructor(*args: Any, **kwargs: Any) -> Any:
        watched.passed_ns += watched.own.construct_ns
        data = args[data_position] if len(args) > data_position else kwargs.get("data", kwargs.get("string", b""))
        if length(data) >= HASH_BYTES_MIN:
            return _Hash(watched, full_name, watched.call(full_name, real, args, kwargs))
        return _Hash(watched, full_name, real(*args, **kwargs))

    constructor.__name__ = constructor.__qualname__ = name
    return constructor


def _stream_constructor(watched: Watched, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def constructor(*args: Any, **kwargs: Any) -> Any:
        watched.passed_ns += watched.own.construct_ns
        return _Stream(watched, f"zlib.{name}", real(*args, **kwargs))

    constructor.__name__ = constructor.__qualname__ = name
    return constructor


def _is_long(args: tuple[Any, ...], _: dict[str, Any]) -> bool:
    return bool(args) and length(args[0]) >= CHECKSUM_BYTES_MIN


Pair = tuple[Callable[[], object], Callable[[], object]]


def passes(watched: Watched) -> dict[str, Pair]:
    """By field of :class:`OwnCost`: something done by a stand-in, and the same by the real thing."""
    constructor = _hash_constructor(watched, "sha256", hashlib.sha256, 0)
    made, real = constructor(), hashlib.sha256()
    crc32 = Released(watched, "zlib.crc32", zlib.crc32, _is_long)
    return {
        "construct_ns": (lambda: constructor(b""), lambda: hashlib.sha256(b"")),
        "update_ns": (lambda: made.update(b""), lambda: real.update(b"")),
        "look_ns": (lambda: made.digest(), lambda: real.digest()),
        "short_ns": (lambda: crc32(b""), lambda: zlib.crc32(b"")),
    }


def replacements(watched: Watched) -> list[Row]:
    """Rows for :func:`segments.watched`."""
    table: list[Row] = []
    for name in _HASHES + _NEWER_HASHES:
        table.append((hashlib, name, _hash_constructor(watched, name, getattr(hashlib, name), 0)))
    table.append((hashlib, "new", _hash_constructor(watched, "new", hashlib.new, 1)))
    for name in ("compressobj", "decompressobj"):
        table.append((zlib, name, _stream_constructor(watched, name, getattr(zlib, name))))
    released: list[tuple[types.ModuleType, str]] = [(hashlib, name) for name in _DERIVATIONS if hasattr(hashlib, name)]
    released += [(module, name) for module in (zlib, bz2, lzma) for name in ("compress", "decompress")]
    released += [(os, name) for name in _FILES if isinstance(getattr(os, name, None), types.BuiltinFunctionType)]
    table += [
        (module, name, Released(watched, f"{module.__name__}.{name}", getattr(module, name)))
        for module, name in released
    ]
    checksums: list[tuple[types.ModuleType, str]] = [(zlib, "crc32"), (zlib, "adler32"), (binascii, "crc32")]
    table += [
        (module, name, Released(watched, f"{module.__name__}.{name}", getattr(module, name), _is_long))
        for module, name in checksums
    ]
    return table
