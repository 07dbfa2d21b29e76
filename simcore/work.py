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
_MEMORY_BYTES_MIN = 1 << 16
_MEMORY_BYTES_MAX = 1 << 34


def work(seconds: float, gil: bool = True, memory_bytes: int = 0) -> None:
    """Compute for ``seconds`` of CPU time of the calling thread, holding the GIL or not.

    With ``memory_bytes`` (and ``gil=False``) the step is bound by memory: it goes over that much again and again, and
    takes longer while other threads do so too; ``seconds`` is what it takes alone.

    In the explored world it is a step without time, in the timed world a segment of exactly that length that needs a
    core (and the GIL when ``gil``); one that is bound by memory takes what the machine profile's bandwidth allows. For
    real, ``gil=True`` spins in pure Python and ``gil=False`` hashes with the GIL released; both watch the thread's own
    CPU clock, so waiting for a core or for the GIL does not count, and the overshoot is some microseconds. With
    ``memory_bytes`` it copies as much as takes ``seconds`` alone, by a speed that is measured once per process.

    Raises:
        ValueError: ``seconds`` is not a finite number of 0 or more, or ``memory_bytes`` is negative, too large, or asked
            for with the GIL.
    """
    if not (seconds.__class__ is float and 0.0 <= seconds < math.inf) and (
        isinstance(seconds, bool) or not math.isfinite(seconds) or seconds < 0
    ):
        raise ValueError(
            f"work(seconds={seconds!r}): seconds must be a finite number, 0 or more; give the CPU time of the step"
        )
    if memory_bytes:
        _check_memory(memory_bytes, gil)
    world = _world.active
    if world is not None:
        world.compute(seconds, gil, memory_bytes)
    elif gil:
        _spin(round(seconds * 1e9))
    elif memory_bytes:
        from .memory_work import walk

        walk(round(seconds * 1e9), memory_bytes)
    else:
        _hash(round(seconds * 1e9))


def _check_memory(memory_bytes: int, gil: bool) -> None:
    if gil:
        raise ValueError(
            f"work(memory_bytes={memory_bytes!r}): Python code that holds the GIL is not bound by memory; write gil=False"
        )
    if isinstance(memory_bytes, bool) or not _MEMORY_BYTES_MIN <= memory_bytes <= _MEMORY_BYTES_MAX:
        raise ValueError(
            f"work(memory_bytes={memory_bytes!r}): the working set must have {_MEMORY_BYTES_MIN} bytes (64 KiB) to "
            f"{_MEMORY_BYTES_MAX} (16 GiB); leave it out for a step that computes"
        )


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
