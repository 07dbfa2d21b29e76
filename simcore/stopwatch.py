"""How long the code of a segment really took: the clock, and what the operating system says about the thread.

It reads clocks of the calling thread and knows nothing of worlds, operations or tables.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None

_pread = os.pread
"""While a run lasts, something else stands there."""
_thread_time_ns, _process_time_ns = time.thread_time_ns, time.process_time_ns
LONG_NS = 50_000
"""From this length on a segment is looked at closely: reading all clocks takes some 3 us, and a time slice that another
process takes is never shorter than some 100 us."""
BLOCKED_NS_MIN = 20_000
"""Less is what two clocks that are not read at the same moment differ by."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the operating system knows about a thread at one moment, in nanoseconds since it began."""

    wall_ns: int
    cpu_ns: int
    delay_ns: int
    """Ready, without a core: other threads of the machine had it (proc(5), schedstat)."""
    waits: int
    """How often it gave its core up to wait for something (getrusage(2), ``ru_nvcsw``)."""


class Stopwatch:
    """The clocks of the thread that makes it; for all others a fake that offers the same."""

    def __init__(self) -> None:
        self.now_ns = real_perf_counter_ns
        self._file = self._open()
        self._last = self.read()

    def _open(self) -> int:
        if resource is not None and hasattr(resource, "RUSAGE_THREAD"):
            with suppress(OSError):
                return os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        return -1

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def sees_delays(self) -> bool:
        """Does this system tell how long a thread waited for a core?"""
        return self._file >= 0

    def read(self) -> Reading:
        """All clocks; those that are compared last and together."""
        if not self.sees_delays:
            return Reading(self.now_ns(), 0, 0, 0)
        try:
            delay_ns = int(_pread(self._file, 64, 0).split()[1])
        except (OSError, ValueError, IndexError):  # the program has closed all files, ours among them
            self._file = -1
            return self.read()
        assert resource is not None
        waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        # Not the CPU time that getrusage tells: that is of the last tick, milliseconds ago.
        return Reading(self.now_ns(), _thread_time_ns(), delay_ns, waits)

    def process_ns(self) -> int:
        """CPU time of all threads of the process together, those of native libraries among them."""
        return _process_time_ns()

    def begin(self) -> None:
        """What happened up to now is nobody's."""
        self._last = self.read()

    def close_look(self, elapsed_ns: int) -> tuple[int, int]:
        """(computed, waited) of a segment that lasted ``elapsed_ns`` and ends now.

        The clocks cover all since the last look or :meth:`begin`. What lies in between besides the segment is short
        and waits for nothing, so that a delay is the segment's. Time that the thread neither computed nor waited for a
        core is time in which it waited for something, if it gave its core up at all; else the hypervisor had the core.
        """
        if not self.sees_delays:
            return elapsed_ns, 0
        before, now = self._last, self.read()
        self._last = now
        delay_ns = min(max(now.delay_ns - before.delay_ns, 0), elapsed_ns)
        away_ns = now.wall_ns - before.wall_ns - (now.cpu_ns - before.cpu_ns) - (now.delay_ns - before.delay_ns)
        away_ns = min(max(away_ns, 0), elapsed_ns - delay_ns)
        if away_ns < BLOCKED_NS_MIN:
            return elapsed_ns - delay_ns, 0
        return elapsed_ns - delay_ns - away_ns, away_ns if now.waits > before.waits else 0


real_perf_counter_ns = time.perf_counter_ns
"""Taken before anybody puts a simulated clock in its place."""
