"""The invalidation sweep: one program over lengths of operations, lock shares, bytes touched and threads.

It seeks the places where predictions fail, instead of showing where they hold; what they come to is the error map from
which the envelope's rules are made.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .suite import Point

TARGET = "weft.real_runs.programs.grain:run"
SEGMENTS_SECONDS = (1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2)
LOCK_SHARES = (0.0, 0.3, 0.6, 0.9)
ARRAYS_BYTES = (1 << 18, 1 << 22, 1 << 25, 1 << 27)
_RUN_SECONDS = 0.25
"""On one core: what two can share still takes a tenth of a second."""
_FINE_SECONDS = 2e-5
_FINE_RUN_SECONDS = 0.15
"""Operations shorter than that hardly gain by a second core, and simulating them takes long."""
_FINE_LOCK_SHARES = {1e-6: (0.0,), 1e-5: (0.0, 0.6)}
"""A lock around every operation so short makes tens of thousands in a run, which take long to simulate."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One place of the sweep: an operation takes about ``segment_seconds``, ``lock_share`` of it in the lock."""

    segment_seconds: float
    lock_share: float
    bytes_touched: int
    point: Point


def hashed_bytes_per_second() -> float:
    """How fast this machine hashes, from the best of a few blocks: it decides how long a block an operation needs."""
    block = bytes(1 << 20)
    best = float("inf")
    for _ in range(8):
        begin = time.perf_counter()
        hashlib.sha256(block)
        best = min(best, time.perf_counter() - begin)
    return len(block) / best


def added_seconds(sizes: Sequence[int] = ARRAYS_BYTES) -> dict[int, float]:
    """How long adding arrays of these sizes takes here: it decides how often they are added."""
    import numpy as np

    found: dict[int, float] = {}
    for size in sizes:
        values, total = np.ones(size // 16), np.zeros(size // 16)
        best = float("inf")
        for _ in range(3):
            begin = time.perf_counter()
            np.add(total, values, out=total)
            best = min(best, time.perf_counter() - begin)
        found[size] = best
    return found


def sweep_points(cores: int, bytes_per_second: float, adding: Mapping[int, float]) -> list[SweepPoint]:
    """The sweep for a machine: lengths and shares with a thread for each core (two at least), a part of them with
    one thread and with twice as many, and the arrays of ``adding`` (seconds by size)."""
    every = max(cores, 2)
    found = [
        _hashing(length, share, every, bytes_per_second)
        for length in SEGMENTS_SECONDS
        for share in _FINE_LOCK_SHARES.get(length, LOCK_SHARES)
    ]
    found += [_hashing(length, share, 1, bytes_per_second) for length in (1e-5, 1e-3) for share in (0.0, 0.6)]
    found += [
        _hashing(length, share, 2 * every, bytes_per_second) for length in (1e-5, 1e-4, 1e-3) for share in (0.0, 0.6)
    ]
    found += [_adding(size, seconds, 0.0, every) for size, seconds in adding.items()]
    found += [_adding(size, seconds, 0.6, every) for size, seconds in adding.items() if size == ARRAYS_BYTES[2]]
    return found


def _hashing(length_seconds: float, share: float, threads: int, bytes_per_second: float) -> SweepPoint:
    whole = (_FINE_RUN_SECONDS if length_seconds < _FINE_SECONDS else _RUN_SECONDS) * max(threads / 2, 1)
    params: dict[str, Any] = {
        "workers": threads,
        "operations": max(round(whole / length_seconds), threads),
        "block_bytes": max(round(length_seconds * bytes_per_second), 16),
        "lock_share": share,
    }
    return SweepPoint(length_seconds, share, 0, Point(params, threads, threads))


def _adding(array_bytes: int, length_seconds: float, share: float, threads: int) -> SweepPoint:
    params: dict[str, Any] = {
        "workers": threads,
        "operations": max(round(_RUN_SECONDS * max(threads / 2, 1) / length_seconds), 2 * threads),
        "array_bytes": array_bytes,
        "lock_share": share,
    }
    return SweepPoint(float(f"{length_seconds:.1g}"), share, array_bytes, Point(params, threads, threads))


def in_words(inside_far_off: Sequence[float], inside: int, most: float) -> str:
    """Whether the error map bears the envelope out."""
    if not inside_far_off:
        return f"in the invalidation sweep all {inside} places inside the envelope are within {most:.0%}"
    worst = max(inside_far_off, key=abs)
    return (
        f"in the invalidation sweep {len(inside_far_off)} of {inside} places inside the envelope are more than "
        f"{most:.0%} off, the worst {worst:+.0%}: its rules are too wide there"
    )
