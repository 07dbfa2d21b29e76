"""Whether code that nobody listed holds the GIL: a real thread that wants it all the time says when it could have it.

The thread asks for the GIL every few microseconds and never makes anybody drop it. While somebody computes without the
GIL it gets it each time, and not at all while somebody holds it. That works for any code, repeatable or not, since the
code runs once and as always. It knows threads of the operating system, and no world.
"""

from __future__ import annotations

import operator
import os
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

from .primitives.clock import real_sleep
from .primitives.thread import real_get_native_id, real_start_new_thread
from .stopwatch import real_perf_counter_ns

_pread = os.pread
"""While a run lasts, something else stands there."""
PAUSE_SECONDS = 20e-6
"""Between two turns of the sampler; with the timer's slack it is some 50 to 100 us."""
PROBED_NS_MIN = 200_000
"""Shorter segments are over before the sampler has woken up."""
FREE_MIN, HELD_MAX = 0.9, 0.08
"""A share of free time above counts as all, below as nothing: what is between is taken as it is."""
LONG_NS = 1_000_000
"""From this length on a segment has many turns of the sampler, so that one of them more or less does not matter."""
TURN_NS = 100_000
"""About a turn of the sampler: its pause, the timer's slack of 50 us, and waking up."""
_NEVER_SECONDS = 1e6
_TURNS = 1 << 50
_CALIBRATED_SECONDS = 0.02
_PATIENCE = 100
"""Turns of the waiting for a turn: 10 ms, when nobody gives the sampler a core."""


class Sampler:
    """Counts the turns of the thread that wants the GIL.

    Its loop is in C from end to end, so that no destructor, signal handler or trace function can ever run there.
    """

    def __init__(self) -> None:
        self._pause = [PAUSE_SECONDS]
        self._turns: Any = repeat(self._pause, _TURNS)
        self._file = -1
        self._ended = False
        self._turn_ns = 0.0
        self._left_before = 0
        self._delay_before_ns = 0

    def start(self) -> None:
        native_id: list[int] = []

        def sample() -> None:
            native_id.append(real_get_native_id())
            with suppress(IndexError):  # how stop() ends it
                deque(map(real_sleep, map(operator.itemgetter(0), self._turns)), maxlen=0)
            self._ended = True

        real_start_new_thread(sample, ())
        while not native_id:
            real_sleep(0.0001)
        with suppress(OSError):
            self._file = os.open(f"/proc/self/task/{native_id[0]}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        self.begin()
        begun_at = real_perf_counter_ns()
        real_sleep(_CALIBRATED_SECONDS)
        turns = max(self._turns_since(), 1)
        self._turn_ns = max(real_perf_counter_ns() - begun_at - self._delayed_ns(), 0) / turns

    def stop(self) -> None:
        """End the thread; back when it has ended."""
        self._pause.clear()
        while not self._ended:
            real_sleep(0.0001)
        if self._file >= 0:
            os.close(self._file)

    def begin(self) -> None:
        """A segment begins."""
        self._delay_before_ns = self._delay_ns()
        # Last: reading a file lets go of the GIL, and the sampler takes a turn.
        self._left_before = operator.length_hint(self._turns)

    def seen(self) -> tuple[int, int]:
        """Since :meth:`begin`, for how long the GIL was free as far as the sampler saw, and for how long it did not see
        anything since it had no core itself; in nanoseconds.

        The first turn is over as soon as it gets the GIL, so that on average half of one too many is counted. How long
        it waited for a core is known once it has got one, so that this takes until its next turn; waiting that began
        after the segment is not longer than that, and is taken off.
        """
        ended_at = real_perf_counter_ns()
        turns = self._turns_since()
        for _ in range(_PATIENCE):
            if self._turns_since() > turns:
                break
            real_sleep(PAUSE_SECONDS)
        afterwards_ns = real_perf_counter_ns() - ended_at
        unseen_ns = max(self._delayed_ns() - afterwards_ns, 0)
        return round(max(turns - 0.5, 0) * self._turn_ns), unseen_ns

    def _turns_since(self) -> int:
        return self._left_before - operator.length_hint(self._turns)

    def _delayed_ns(self) -> int:
        return max(self._delay_ns() - self._delay_before_ns, 0)

    def _delay_ns(self) -> int:
        if self._file < 0:
            return 0
        try:
            return int(_pread(self._file, 64, 0).split()[1])
        except (OSError, ValueError, IndexError):
            self._file = -1
            return 0


@contextmanager
def sampling() -> Generator[Sampler]:
    """A sampler that runs while this lasts; nobody is made to drop the GIL meanwhile."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_NEVER_SECONDS)
    sampler = Sampler()
    try:
        sampler.start()
        try:
            yield sampler
        finally:
            sampler.stop()
    finally:
        sys.setswitchinterval(interval)


def can_probe() -> bool:
    """Is there a GIL in this interpreter?"""
    enabled: Any = getattr(sys, "_is_gil_enabled", None)
    return enabled is None or enabled()


def share(seen: list[tuple[int, int]]) -> float | None:
    """The share of free time of the segments of one kind, from (GIL seen free, time in which the sampler could see) of
    each; None when that was never long enough.

    Short segments may be over before the sampler has woken up, so that what was seen is too little, never too much: of
    them the upper quartile counts, and what is within a turn of all is all. Of long ones it is the median.
    """
    probed = [(free_ns, watched_ns) for free_ns, watched_ns in seen if watched_ns >= PROBED_NS_MIN]
    if not probed:
        return None
    shares = sorted(min(free_ns / watched_ns, 1.0) for free_ns, watched_ns in probed)
    length_ns = sum(watched_ns for _, watched_ns in probed) / len(probed)
    if length_ns >= LONG_NS:
        found, all_from = shares[len(shares) // 2], FREE_MIN
    else:
        found, all_from = shares[len(shares) * 3 // 4], FREE_MIN - TURN_NS / length_ns
    if found >= all_from:
        return 1.0
    return found if found > HELD_MAX else 0.0
