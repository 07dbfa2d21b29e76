"""The time functions and the shared random generator inside a world.

Time is the world's: logical in the explored world, SimPy's clock in the timed one. Random numbers are drawn from one
generator per virtual thread, so that what a thread draws does not depend on how it was interleaved with others.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from .. import world as _world

real_sleep = time.sleep
real_perf_counter_ns = time.perf_counter_ns
EPOCH_NS = 1_700_000_000_000_000_000
"""What ``time.time()`` says when a world begins: a fixed date, so that every execution sees the same one."""


def sleep(seconds: float, /) -> None:
    world = _world.active
    if world is None:
        return real_sleep(seconds)
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    return world.sleep(seconds)


def _seconds(real: Callable[[], float], offset_ns: int) -> Callable[[], float]:
    def now() -> float:
        world = _world.active
        return real() if world is None else (world.now_ns() + offset_ns) / 1e9

    now.__name__ = real.__name__
    return now


def _nanoseconds(real: Callable[[], int], offset_ns: int) -> Callable[[], int]:
    def now() -> int:
        world = _world.active
        return real() if world is None else world.now_ns() + offset_ns

    now.__name__ = real.__name__
    return now


def time_functions() -> dict[str, Callable[..., Any]]:
    """The replacements for names of the ``time`` module."""
    table: dict[str, Callable[..., Any]] = {"sleep": sleep}
    for name in ("monotonic", "perf_counter", "time", "process_time", "thread_time"):
        offset = EPOCH_NS if name == "time" else 0
        table[name] = _seconds(getattr(time, name), offset)
        table[name + "_ns"] = _nanoseconds(getattr(time, name + "_ns"), offset)
    return table


_DRAWS = """
betavariate choice choices expovariate gauss getrandbits getstate lognormvariate normalvariate paretovariate
randbytes randint random randrange sample seed setstate shuffle triangular uniform vonmisesvariate weibullvariate
"""


def _generator(world: _world.World) -> random.Random:
    thread = world.thread
    if thread.random is None:
        thread.random = random.Random(f"{getattr(world, 'seed', 0)}/{thread.uid}")
    return thread.random


def _draw(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def draw(*args: Any, **kwargs: Any) -> Any:
        world = _world.active
        return real(*args, **kwargs) if world is None else getattr(_generator(world), name)(*args, **kwargs)

    draw.__name__ = name
    return draw


def random_functions() -> dict[str, Callable[..., Any]]:
    """The replacements for the module-level functions of ``random``."""
    return {name: _draw(name, getattr(random, name)) for name in _DRAWS.split() if hasattr(random, name)}
