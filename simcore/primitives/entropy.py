"""Random bytes inside a world: ``os.urandom`` and the generators seeded from it, repeatable.

They come from one generator per virtual thread, apart from that of the ``random`` module, so that what a thread gets
does not depend on how it was interleaved with others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from .. import world as _world
from ..world import World

_random: Any = random
"""For its private name of ``os.urandom``."""
real_urandom = os.urandom
real_getrandom: Callable[..., bytes] | None = getattr(os, "getrandom", None)
real_seed = random.Random.seed


def _bytes(world: World, size: int) -> bytes:
    generators: dict[int, random.Random] = world.kept.setdefault("entropy", {})
    uid = world.thread.uid
    if uid not in generators:
        generators[uid] = random.Random(f"entropy {getattr(world, 'seed', 0)}/{uid}")
    return generators[uid].randbytes(size)


def urandom(size: int, /) -> bytes:
    """``os.urandom``."""
    world = _world.active
    if world is None:
        return real_urandom(size)
    if size < 0:
        raise ValueError("negative argument not allowed")
    return _bytes(world, size)


def getrandom(size: int, flags: int = 0) -> bytes:
    """``os.getrandom``."""
    world = _world.active
    if world is None and real_getrandom is not None:
        return real_getrandom(size, flags)
    return urandom(size)


def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """``random.Random.seed``, which takes its seed from the operating system when given none."""
    world = _world.active
    if a is None and world is not None:
        a = int.from_bytes(_bytes(world, 16), "big")
    real_seed(self, a, version)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [
        (os, "urandom", urandom),
        (_random, "_urandom", urandom),
        (random.Random, "seed", seed),
    ]
    if real_getrandom is not None:
        table.append((os, "getrandom", getrandom))
    return table
