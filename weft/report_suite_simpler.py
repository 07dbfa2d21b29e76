"""The simpler models that a suite's predictions stand beside: their names, their order and their lines.

It knows them by their keys in a result; what they predict was computed there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimplerModel:
    """``short`` fits beside a line, ``long`` stands in a table; ``tone`` is the class of its line (colour and dash)."""

    short: str
    long: str
    tone: str


_KNOWN = {
    "amdahl": SimplerModel("Amdahl", "Amdahl's law", "s4"),
    "usl": SimplerModel("USL", "USL fit to real times", "s6"),
    "no gil term": SimplerModel("no GIL", "the model without the GIL", "s7"),
    "no overheads": SimplerModel("no costs", "the model without overheads", "s2"),
    "critical path": SimplerModel("bound", "critical-path bound", "s3"),
    "linear": SimplerModel("linear", "linear speedup", "s8"),
}


def simpler_model(key: str) -> SimplerModel:
    """What is not known is called by its key."""
    return _KNOWN.get(key) or SimplerModel(key, key, "s8")


def in_order(keys: Iterable[str]) -> list[str]:
    """Each key once: the known ones in one order everywhere, then the others as they came."""
    given = list(dict.fromkeys(keys))
    return [*(key for key in _KNOWN if key in given), *(key for key in given if key not in _KNOWN)]
