"""What is rewritten: the program's own modules, and further ones that the user names.

Reads and checks the names; how code is rewritten and when it runs is known elsewhere.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .locate import TargetError, locate, names_beside, near_name

_NEEDED = frozenset(
    {"_thread", "threading", "queue", "_queue", "_threading_local", "concurrent", "greenlet", "weft", "sched"}
    | {"builtins", "sys", "importlib", "_frozen_importlib", "_frozen_importlib_external", "site", "zipimport"}
    | {"abc", "_abc", "collections", "enum", "types", "operator", "dataclasses", "contextlib", "typing", "inspect"}
    | {
        "linecache",
        "traceback",
        "tokenize",
        "ast",
        "re",
        "gc",
        "io",
        "codecs",
        "encodings",
        "os",
        "posixpath",
        "msgspec",
    }
)
"""What runs inside a hook, or is replaced by a model of it: a hook there would call itself, or see nothing."""


_MODELS = f"{__name__.partition('.')[0]}.models."


@dataclass(frozen=True, slots=True)
class Instrument:
    """What to rewrite so that its shared accesses are seen."""

    patterns: tuple[str, ...] = ()
    """Modules besides the program's own: ``redis`` (with all in the package), ``shop.*``, ``functools,weakref``."""
    own: bool = True
    """The program's own modules too."""
    folder: Path | None = None
    """Where rewritten code is kept for other processes."""

    def names(self) -> list[str]:
        return [name for pattern in self.patterns for part in pattern.split(",") if (name := part.strip())]

    def matches(self, module: str) -> bool:
        """Does a pattern name this module, or a package that it is in? Our models are programs like the user's own."""
        return (self.own and module.startswith(_MODELS)) or self._named(module)

    def _named(self, module: str) -> bool:
        return needed_by_weft(module) is None and any(matches(pattern, module) for pattern in self.names())

    def check(self) -> None:
        """Look for what the patterns name.

        Raises:
            TargetError: a pattern names nothing, something without Python source, or something weft itself runs on.
        """
        for pattern in self.names():
            _check(pattern)

    def loaded(self) -> list[str]:
        """The modules named by a pattern that are imported already."""
        return [name for name, module in [*sys.modules.items()] if self._named(name) and has_source(module)]


def needed_by_weft(module: str) -> str | None:
    """The module or package among those that cannot be rewritten, if it is one."""
    top = module.partition(".")[0]
    return top if top in _NEEDED else None


def has_source(module: object) -> bool:
    file = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(file, str) and file.endswith(".py")


def matches(pattern: str, module: str) -> bool:
    """Does one pattern name this module, or a package that it is in?"""
    if any(sign in pattern for sign in "*?["):
        return fnmatch.fnmatchcase(module, pattern)
    return module == pattern or module.startswith(f"{pattern}.")


def _check(pattern: str) -> None:
    needed = needed_by_weft(pattern)
    if needed is not None:
        raise TargetError(
            f"cannot instrument {pattern!r}: weft's own run time stands on {needed!r}, its accesses would report "
            "themselves; leave it out"
        )
    head = pattern.partition("*")[0].partition("?")[0].partition("[")[0]
    if head != pattern:
        package = head.rpartition(".")[0]
        if not any(matches(pattern, name) for name in _under(package, pattern)):
            raise TargetError(_nothing(pattern, package))
        return
    try:
        spec = locate(pattern)[-1]
    except TargetError as error:
        raise TargetError(_nothing(pattern, pattern)) from error
    package = spec.submodule_search_locations is not None
    if not package and (spec.origin is None or not spec.origin.endswith(".py")):
        raise TargetError(f"cannot instrument {pattern!r}: it has no Python source ({spec.origin})")


def _under(package: str, pattern: str) -> Sequence[str]:
    return [*names_beside(f"{package}.x" if package else "x"), *(name for name in sys.modules if name == pattern)]


def _nothing(pattern: str, name: str) -> str:
    near = near_name(name) if name else ""
    hint = f"did you mean {near!r}?" if near and near != name else "run from the folder it is in, or install it"
    return f"nothing to instrument is called {pattern!r}; {hint}"
