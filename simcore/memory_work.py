"""Real computation that is bound by memory: copying within a working set of a given size, with the GIL released.

It knows how fast this machine copies when nobody else does, which is measured once per process and size.
"""

from __future__ import annotations

import threading
from typing import Any

from .primitives.lock import allocate_real_lock
from .stopwatch import real_perf_counter_ns

_PIECE_BYTES = 1 << 20
"""Copied at once: some 50 to 200 us, long against taking the GIL back."""
_MEASURED_PIECES = 64
_FAST_SHARE = 8
"""Of the measured pieces one in so many is faster than the speed that counts: others may copy at the same time."""
_own: Any = threading.local()
_speeds: dict[int, float] = {}
"""Bytes per nanosecond, by the size of the working set."""
_measuring = allocate_real_lock()


class _Walker:
    """One thread's working set: half of it is copied to the other half, on and on."""

    def __init__(self, memory_bytes: int) -> None:
        import numpy as np

        self._from = np.ones(memory_bytes // 2, dtype=np.uint8)
        self._to = np.zeros(memory_bytes // 2, dtype=np.uint8)
        self._at = 0
        self._copy: Any = np.copyto

    def copy(self, length: int) -> int:
        """Copy the next bytes, at most ``length``; how many it were."""
        end = min(self._at + length, len(self._from))
        self._copy(self._to[self._at : end], self._from[self._at : end])
        copied = end - self._at
        self._at = 0 if end == len(self._from) else end
        return copied


def walk(duration_ns: int, memory_bytes: int) -> None:
    """Copy as much as takes ``duration_ns`` in a thread that is alone."""
    walkers: dict[int, _Walker] = _own.__dict__.setdefault("walkers", {})
    walker = walkers.get(memory_bytes)
    if walker is None:
        walker = walkers[memory_bytes] = _Walker(memory_bytes)
    left = round(duration_ns * _speed(walker, memory_bytes))
    while left > 0:
        left -= walker.copy(min(left, _PIECE_BYTES))


def _speed(walker: _Walker, memory_bytes: int) -> float:
    found = _speeds.get(memory_bytes)
    if found is None:
        with _measuring:
            found = _speeds.get(memory_bytes)
            if found is None:
                walker.copy(memory_bytes)
                speeds = sorted(_copying_speed(walker) for _ in range(_MEASURED_PIECES))
                found = _speeds[memory_bytes] = speeds[-1 - _MEASURED_PIECES // _FAST_SHARE]
    return found


def _copying_speed(walker: _Walker) -> float:
    begun_at = real_perf_counter_ns()
    copied = walker.copy(_PIECE_BYTES)
    return copied / max(real_perf_counter_ns() - begun_at, 1)
