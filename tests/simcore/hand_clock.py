"""A stopwatch that a test turns by hand."""

from __future__ import annotations

from typing import Any

from weft.simcore.stopwatch import Reading, Stopwatch


class HandClock(Stopwatch):
    """Real time passes when the test says so: ``compute``, ``wait`` for something, or be ``delayed`` by other processes."""

    def __init__(self) -> None:
        self.wall_ns = self.cpu_ns = self.delay_ns = self.native_ns = self.waits = 0
        super().__init__()
        self.now_ns: Any = lambda: self.wall_ns

    def _open(self) -> int:
        return -1

    @property
    def sees_delays(self) -> bool:
        return True

    def read(self) -> Reading:
        return Reading(self.wall_ns, self.cpu_ns, self.delay_ns, self.waits)

    def process_ns(self) -> int:
        return self.cpu_ns + self.native_ns

    def compute(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 1e9)
        self.cpu_ns += round(seconds * 1e9)

    def wait(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 1e9)
        self.waits += 1

    def be_delayed(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 1e9)
        self.delay_ns += round(seconds * 1e9)

    def lose_to_hypervisor(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 1e9)
