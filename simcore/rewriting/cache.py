"""Rewritten code on disk, one file for each source: the code, its sites and what was not seen.

Knows files and their integrity, nothing of how code is rewritten.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
import types
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from ..hooks import Site

_FORM = 2
"""To be raised with every change of what the rewriter writes."""
_INDEX_BITS = 20
"""A module has at most a million sites; with 40 bits before them the numbers fit into a signed 64-bit column."""
Kept = tuple[types.CodeType, tuple[Site, ...], tuple[str, ...]]


def key(source: bytes, filename: str) -> str:
    """A name for a source, a file name, an interpreter and a form of rewriting."""
    digest = hashlib.sha256(f"{_FORM}\0{sys.version}\0{filename}\0".encode("utf-8", "surrogatepass"))
    digest.update(source)
    return digest.hexdigest()


def number_base(name: str) -> int:
    """The number before a module's first site: not 0, and far from those of other modules."""
    return ((int(name[:10], 16) | 1) << _INDEX_BITS) + 1


def load(folder: Path, name: str, filename: str) -> Kept | None:
    """What was kept under a name; None: nothing, or a file that cannot be trusted."""
    try:
        data = (folder / f"{name}.code").read_bytes()
    except OSError:
        return None
    checked, content = data[:32], data[32:]
    if hashlib.sha256(content).digest() != checked:
        return None
    code, sites, not_seen = marshal.loads(content)
    return code, tuple(Site(*row) for row in sites), tuple(not_seen)


def save(folder: Path, name: str, kept: Kept) -> None:
    """Keep it, if the folder can be written; other processes see the whole file or none."""
    code, sites, not_seen = kept
    rows: list[tuple[Any, ...]] = [astuple(site) for site in sites]
    content = marshal.dumps((code, rows, list(not_seen)))
    # A cache that cannot be written costs time, nothing else.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, folder / f"{name}.code")
