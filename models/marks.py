"""Marks that tell where a request begins and ends, so that a prediction has its latency.

Outside a world a mark says nothing to anybody.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..simcore import world as _world


def mark(text: str) -> None:
    """Note ``text`` at the present time of the world, if there is one: ``begin X`` and ``end X`` make a latency."""
    world = _world.active
    if world is not None:
        world.mark(text)


@contextmanager
def marked(name: str) -> Generator[None]:
    """From its begin to its end it is the request ``name``."""
    mark(f"begin {name}")
    yield
    mark(f"end {name}")
