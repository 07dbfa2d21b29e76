"""What the tests of a GPU's time share: a device to issue to, host threads, and where ops ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weft.simcore.clock import Clock
from weft.simcore.gpu.device_profile import IDEAL, DeviceProfile
from weft.simcore.gpu.timing import Device, Op, Stream
from weft.simcore.gpu.timing_host import Host, Steps
from weft.simcore.gpu.timing_rates import FULL
from weft.simcore.gpu.timing_waiting import run_until, waiting

BYTE = 1_000_000_000
"""A byte a nanosecond, in bytes per second."""


def profile(**terms: Any) -> DeviceProfile:
    """A device whose management is free, but for these terms."""
    return msgspec.structs.replace(IDEAL, **terms)


def device(**terms: Any) -> Device:
    return Device(Clock(), profile(**terms))


def streams(of: Device, count: int) -> list[Stream]:
    return [of.stream() for _ in range(count)]


def settle(of: Device) -> int:
    """Let everything issued be done; the time then."""
    of.clock.run_while_pending()
    assert of.in_flight == 0, [str(edge) for edge in waiting(of)]
    assert of.clock.pending == 0
    assert not of.is_standing
    assert all(op.is_done for op in of.ops)
    assert of._fluid.free == FULL
    assert not of._fluid.running
    return max((op.end_ns for op in of.ops), default=0)


def run_hosts(of: Device, *bodies: Callable[[Host], Steps[Any]]) -> list[int]:
    """A host thread for each, all from time 0; when each ended."""
    ended = [-1] * len(bodies)

    def live(number: int) -> Steps[None]:
        yield from bodies[number](Host(of))
        ended[number] = of.clock.now_ns

    processes: list[Any] = [of.clock.process(live(number)) for number in range(len(bodies))]
    run_until(of.clock, of.clock.all_of(processes), [of])
    return ended


def times(ops: Sequence[Op | None]) -> list[tuple[int, int]]:
    return [(op.start_ns, op.end_ns) for op in ops if op is not None]
