"""Sleeping and ``weft.work``, recorded; reading a clock is no event.

It does not measure how long they took: the time-stamps around them say so.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from types import FrameType
from typing import Any

from ...simcore import device_wait as _device_wait
from ...simcore import work as _work
from ...simcore.trace import NOTHING, Op
from ..thread_log import now
from .notes import Recording, getframe

real_sleep = time.sleep
real_work = _work.work
real_io = _device_wait.io


def sleep(seconds: float, /) -> None:
    _note(Op.SLEEP, ("sleep", seconds), {"seconds": seconds}, getframe(1))
    real_sleep(seconds)


def work(seconds: float, gil: bool = True, memory_bytes: int = 0) -> None:
    values = {"class": "py" if gil else "mem" if memory_bytes else "nogil", "seconds": seconds}
    _note(Op.COMPUTE, ("work", seconds, values["class"]), values, getframe(1))
    real_work(seconds, gil, memory_bytes)


def io(seconds: float, device: str = "disk", at_once: int = 1) -> None:
    _note(Op.SLEEP, ("io", seconds, device), {"seconds": seconds, "device": device}, getframe(1))
    real_io(seconds, device, at_once)


def _note(operation: Op, key: Hashable, values: dict[str, Any], frame: FrameType) -> None:
    recorder = Recording.recorder
    log, where = recorder.here.log, recorder.places.location(frame)
    log.add((log.index, operation, 0, NOTHING, where, recorder.extra(key, values), now()))
