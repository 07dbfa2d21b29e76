"""Devices that serve a limited number of requests at a time: disks, connections, accelerators.

They keep their requests in order; how time passes is the machine's business.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .runner import Runner


class Device:
    """``servers`` requests are served at a time, the others wait in order of arrival (a G/G/k queue)."""

    __slots__ = ("busy", "name", "servers", "waiting")

    def __init__(self, name: str, servers: int) -> None:
        if servers < 1:
            raise ValueError(f"device {name!r} has servers={servers}; give it 1 or more")
        self.name = name
        self.servers = servers
        self.busy = 0
        """How many requests are being served."""
        self.waiting: deque[tuple[Runner, int]] = deque()
        """Who waits, for how many nanoseconds of service. Invariant: empty while a server is free
        (tests/simcore/test_devices.py)."""

    def admit(self, runner: Runner, duration_ns: int) -> bool:
        """A request arrives: is it served at once?"""
        if self.busy < self.servers:
            self.busy += 1
            return True
        self.waiting.append((runner, duration_ns))
        return False

    def free(self) -> tuple[Runner, int] | None:
        """A request has been served; the next one, which takes its server."""
        if self.waiting:
            return self.waiting.popleft()
        self.busy -= 1
        return None

    def __repr__(self) -> str:
        return f"<Device {self.name} {self.busy}/{self.servers} busy, {len(self.waiting)} waiting>"
