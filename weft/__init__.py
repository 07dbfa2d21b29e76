"""weft: will a threaded program deadlock, will it race, how will it scale?

The names here load their rooms on first use, so that importing weft costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import check, predict, record, validate
    from .simcore.device_wait import io
    from .simcore.priority import priority
    from .simcore.work import work

__all__ = ["__version__", "check", "io", "predict", "priority", "record", "validate", "work"]

_HOMES = {
    "check": "weft.api",
    "io": "weft.simcore.device_wait",
    "predict": "weft.api",
    "priority": "weft.simcore.priority",
    "record": "weft.api",
    "validate": "weft.api",
    "work": "weft.simcore.work",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
