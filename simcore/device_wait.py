"""Stand-in waiting: ``io(seconds)`` is a request to a device that serves only so many at a time.

Inside a world the world decides when it is served; outside, the calling thread really waits its turn and sleeps. It
knows nothing of cores, schedules or traces.
"""

from __future__ import annotations

import math

from . import world as _world
from .primitives.clock import real_sleep
from .primitives.lock import allocate_real_lock
from .primitives.semaphore import RealSemaphore

_devices: dict[str, tuple[int, RealSemaphore]] = {}
"""The real ones, by name: how many they serve at once, and their free places."""
_making = allocate_real_lock()


def io(seconds: float, device: str = "disk", at_once: int = 1) -> None:
    """Wait until ``device`` has served a request that takes it ``seconds``; it serves ``at_once`` requests at a time.

    A stand-in for reading a file, asking a database or calling a service: it needs neither a core nor the GIL. Requests
    beyond ``at_once`` wait in order of arrival. Devices are told apart by name and belong to one run.

    In the explored world it is a sleep, which takes no time. In the timed world the device is simulated, and waiting
    and service are told as ``io``. For real the thread takes one of the device's places (a semaphore) and sleeps.

    Raises:
        ValueError: ``seconds`` is not a finite number of 0 or more, ``at_once`` is below 1, or the device has served
            another number at once before.
    """
    if isinstance(seconds, bool) or not math.isfinite(seconds) or seconds < 0:
        raise ValueError(
            f"io(seconds={seconds!r}): seconds must be a finite number, 0 or more; give how long the device takes"
        )
    if isinstance(at_once, bool) or at_once < 1:
        raise ValueError(f"io(at_once={at_once!r}): a device serves at least 1 request at a time")
    world = _world.active
    if world is None:
        with _place(device, at_once):
            real_sleep(seconds)
    else:
        world.io(seconds, device, at_once)


def _place(device: str, at_once: int) -> RealSemaphore:
    with _making:
        found = _devices.setdefault(device, (at_once, RealSemaphore(at_once)))
    check_device(device, at_once, found[0])
    return found[1]


def check_device(device: str, at_once: int, known: int) -> None:
    """One device serves one number of requests at a time.

    Raises:
        ValueError: it is another one than ``known``.
    """
    if at_once != known:
        raise ValueError(
            f"io(device={device!r}, at_once={at_once}): {device!r} serves {known} at once since its first use; give it "
            "the same number everywhere"
        )
