"""Source rewriting: a module's code in which every access to memory that threads may share calls a hook before it.

The first door of this room is :func:`rewrite`. What the hooks do is not known here, nor which modules are rewritten.
"""

from __future__ import annotations

import ast
import sys
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..hooks import SITES, Site
from . import cache
from .statements import Statements

_RECURSION_MAX = 20_000
"""Deeply nested expressions take a few Python calls a level; pure Python calls need no C stack."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A module's code with hooks."""

    code: types.CodeType
    sites: tuple[Site, ...]
    """Every place that calls a hook; they are in :data:`~weft.simcore.hooks.SITES` too."""
    not_seen: tuple[str, ...]
    """Parts whose accesses are not seen, each with its place: ``async def fetch (shop.py:12)``."""


_known: dict[str, Rewritten] = {}


def rewrite(source: str | bytes, filename: str, folder: Path | None = None) -> Rewritten:
    """Compile a module with hooks; the same source under the same name is rewritten once.

    ``folder`` keeps what was rewritten for other processes; a broken file in it is ignored and replaced.

    Raises:
        SyntaxError: the same as from :func:`compile`.
        ValueError: the source holds a null byte.
    """
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    key = cache.key(data, filename)
    found = _known.get(key)
    if found is not None:
        return found
    kept = cache.load(folder, key, filename) if folder is not None else None
    if kept is None:
        found = _rewrite(source, filename, cache.number_base(key))
        if folder is not None:
            cache.save(folder, key, (found.code, found.sites, found.not_seen))
    else:
        found = Rewritten(*kept)
    for site in found.sites:
        SITES[site.number] = site
    _known[key] = found
    return found


def _rewrite(source: str | bytes, filename: str, base: int) -> Rewritten:
    # The plain compilation gives the errors and warnings that a user knows, with the source line in them.
    plain = compile(source, filename, "exec", dont_inherit=True)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, _RECURSION_MAX))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename)
            statements = Statements(tree, filename, base)
            code = compile(statements.module(tree), filename, "exec", dont_inherit=True)
    except RecursionError:
        return Rewritten(plain, (), (f"{filename}: nested too deeply to be rewritten",))
    finally:
        sys.setrecursionlimit(limit)
    return Rewritten(code, tuple(statements.sites), tuple(statements.not_seen))
