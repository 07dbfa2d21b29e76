"""Finding modules without running them: where one is, and what it may have been meant to be called.

Knows import specs; it knows neither targets nor what is done with a module that was found.
"""

from __future__ import annotations

import difflib
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence


class TargetError(Exception):
    """The target cannot be read or called. The message says what, where and what to do."""


def locate(name: str) -> list[importlib.machinery.ModuleSpec]:
    """The specs of a module and of the packages around it, outermost first; none of them is executed.

    Raises:
        TargetError: there is no such module.
    """
    specs: list[importlib.machinery.ModuleSpec] = []
    locations: Sequence[str] | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        try:
            found = importlib.util.find_spec(part) if count == 1 else None
            if locations is not None:
                found = importlib.machinery.PathFinder.find_spec(part, locations) or importlib.util.find_spec(part)
        except Exception as error:  # the last resort imports the packages around it, and they may do anything
            raise TargetError(
                f"no module named {name!r} ({error}); run from the folder it is in, or install it"
            ) from error
        if found is None:
            raise TargetError(f"no module named {name!r}; run from the folder it is in, or install it")
        specs.append(found)
        locations = found.submodule_search_locations
    return specs


def names_beside(name: str) -> list[str]:
    """The modules that there are in the package of ``name``, or at the top."""
    package = name.rpartition(".")[0]
    if not package:
        return sorted({*sys.stdlib_module_names, *sys.modules, *(each.name for each in pkgutil.iter_modules())})
    try:
        locations = locate(package)[-1].submodule_search_locations
    except TargetError:
        return []
    return sorted(each.name for each in pkgutil.iter_modules(locations, f"{package}.")) if locations else []


def near_name(name: str) -> str:
    """The module that was probably meant; empty: none is near."""
    package, _, last = name.rpartition(".")
    found = difflib.get_close_matches(name, names_beside(name), 1)
    if not found and package:
        better = near_name(package)
        return f"{better}.{last}" if better else ""
    return found[0] if found else ""
