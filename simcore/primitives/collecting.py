"""The garbage collector inside a world: it runs when the program asks for it, and at no other time.

When an automatic collection comes depends on everything ever allocated, so destructors would run at other steps in a
repeated execution. What a program sets is remembered and told, and has no effect.
"""

from __future__ import annotations

import gc as _gc
from typing import Any

from .. import world as _world

real_collect = _gc.collect
real_enable = _gc.enable
real_disable = _gc.disable
real_isenabled = _gc.isenabled
_left_over = False
"""Some program in this process collects."""


def collect(generation: int = 2) -> int:
    """``gc.collect``."""
    global _left_over
    world = _world.active
    if world is not None:
        _left_over = True
        accesses: Any = getattr(world, "accesses", None)
        if accesses is not None:
            accesses.directory.let_go(all_of_them=True)
    return real_collect(generation)


def forget_execution_before() -> None:
    """Called when the program's modules of the execution before have been dropped and none of this one is loaded: a
    program that collects must not find what is left of them, nor may their destructors run inside this world."""
    if _left_over:
        world, _world.active = _world.active, None
        try:
            real_collect()
        finally:
            _world.active = world


def enable() -> None:
    """``gc.enable``."""
    world = _world.active
    if world is None:
        real_enable()
    else:
        world.kept["collecting"] = True


def disable() -> None:
    """``gc.disable``."""
    world = _world.active
    if world is None:
        real_disable()
    else:
        world.kept["collecting"] = False


def isenabled() -> bool:
    """``gc.isenabled``."""
    world = _world.active
    return real_isenabled() if world is None else world.kept.get("collecting", True)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(_gc, function.__name__, function) for function in (collect, enable, disable, isenabled)]
