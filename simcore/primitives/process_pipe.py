"""``multiprocessing``'s pipes: between threads they are pipes like any other, under a queue or a pool of processes not.

They are refused before anything is opened. Knows the callers by their files only.
"""

from __future__ import annotations

import sys
from multiprocessing import connection
from typing import Any

from .. import world as _world
from ..refusals import PROCESS_POOL, called_from, refuse

real_pipe: Any = connection.Pipe
_OF_PROCESSES = (
    PROCESS_POOL,
    (
        "multiprocessing/pool.py",
        "makes a pool of processes (multiprocessing.Pool)",
        "use multiprocessing.pool.ThreadPool, or check one worker",
    ),
    (
        "multiprocessing/queues.py",
        "makes a queue between processes (multiprocessing)",
        "use queue.Queue between threads",
    ),
)


def pipe(duplex: bool = True) -> Any:
    """``multiprocessing.connection.Pipe``."""
    world = _world.active
    if world is not None and not world.closing:
        frame = sys._getframe(1)
        for file, what, advice in _OF_PROCESSES:
            if called_from(f"/{file}", frame):
                refuse(what, advice, frame)
    return real_pipe(duplex)


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(connection, "Pipe", pipe)]
