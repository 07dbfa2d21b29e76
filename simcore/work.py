"""Stand-in computation: ``work(seconds)`` is a step of a program that is not written yet.

Inside a world the world decides what the step costs; outside, the calling thread really spends that much CPU time.
It knows nothing of cores, schedules or traces.
"""

from __future__ import annotations

import hashlib
import math
import time

from . import world as _world

_BUFFER = memoryview(bytes(1 << 20))
_SPINS = 100
"""Turns of the empty loop between two looks at the clock: about 2 us, a few times what the look itself costs."""
_PIECE_NS = 200_000
"""CPU time of one GIL-free piece: long against taking the GIL back (some us), short against a step worth modelling."""
_PIECE_BYTES_MIN = 2048
"""hashlib keeps the GIL for anything smaller (``HASHLIB_GIL_MINSIZE``, CPython's Modules/hashlib.h)."""
_PIECE_BYTES_FIRST = 4096
"""The first piece only measures how fast this machine hashes: 2 to 20 us anywhere."""


def work(seconds: float, gil: bool = True) -> None:
    """Compute for ``seconds`` of CPU time of the calling thread, holding the GIL or not.

    In the explored world it is a step without time, in the timed world a segment of exactly that length that needs a
    core (and the GIL when ``gil``). For real, ``gil=True`` spins in pure Python and ``gil=False`` hashes with the GIL
    released; both watch the thread's own CPU clock, so waiting for a core or for the GIL does not count. The overshoot
    is some microseconds.

    Raises:
        ValueError: ``seconds`` is not a finite number of 0 or more.
    """
    if isinstance(seconds, bool) or not math.isfinite(seconds) or seconds < 0:
        raise ValueError(
            f"work(seconds={seconds!r}): seconds must be a finite number, 0 or more; give the CPU time of the step"
        )
    world = _world.active
    if world is not None:
        world.compute(seconds, gil)
    elif gil:
        _spin(round(seconds * 1e9))
    else:
        _hash(round(seconds * 1e9))


def _spin(duration_ns: int) -> None:
    clock = time.thread_time_ns
    end_ns = clock() + duration_ns
    while clock() < end_ns:
        for _ in range(_SPINS):
            pass


def _hash(duration_ns: int) -> None:
    """Hash piece after piece, each sized by the speed of the one before: no calibration to store or to go stale."""
    clock = time.thread_time_ns
    now_ns = clock()
    end_ns = now_ns + duration_ns
    size = _PIECE_BYTES_FIRST
    while now_ns < end_ns:
        hashlib.sha256(_BUFFER[:size])
        before_ns, now_ns = now_ns, clock()
        bytes_per_ns = size / max(1, now_ns - before_ns)
        wanted = int(bytes_per_ns * min(_PIECE_NS, end_ns - now_ns))
        size = max(_PIECE_BYTES_MIN, min(len(_BUFFER), wanted))
