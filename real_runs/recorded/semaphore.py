"""``Semaphore`` and ``BoundedSemaphore``, recorded: a note a permit taken or given.

The counting is the real class's; nothing here knows how many permits are left.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import now, request
from .notes import ACQUIRE, ACQUIRE_FAILED, Recording, note

RealSemaphore = threading.Semaphore
RealBoundedSemaphore = threading.BoundedSemaphore


class Semaphore(RealSemaphore):
    """``threading.Semaphore``, recorded."""

    _kind = "Semaphore"

    def __new__(cls, value: int = 1) -> Any:
        if cls in (Semaphore, BoundedSemaphore) and Recording.recorder.made_by_library(sys._getframe(1)):
            return (RealSemaphore if cls is Semaphore else RealBoundedSemaphore)(value)
        return super().__new__(cls)

    def __init__(self, value: int = 1) -> None:
        if isinstance(self, RealBoundedSemaphore) and Recording.recorder.made_by_library(sys._getframe(1)):
            # CPython's bounded one calls its base by name, and finds us under that name.
            RealSemaphore.__init__(self, value)
            return
        super().__init__(value)
        self._recorder = Recording.recorder
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1), capacity=value)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        got = super().acquire(blocking, timeout) if not blocking else super().acquire(False)
        if blocking and not got:
            request(recorder, log, self._index, f"{self._kind}.acquire", where, timeout is not None)
            try:
                got = super().acquire(True, timeout)
            finally:
                log.waiting = False
        extra = NOTHING
        if got and (timeout is not None or not blocking):  # it could not have waited for ever
            how = "timed" if blocking else "try"
            extra = recorder.extra(("blocking", how), {"blocking": how})
        log.add((log.index, ACQUIRE if got else ACQUIRE_FAILED, int(got), self._index, where, extra, now()))
        return got

    __enter__ = acquire  # pyright: ignore[reportAssignmentType]

    def release(self, n: int = 1) -> None:
        time_ns = now()
        super().release(n)
        recorder = self._recorder
        for _ in range(n):
            note(recorder, Op.RELEASE, self._index, time_ns)

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{__name__}.", "threading.", 1)


class BoundedSemaphore(Semaphore, RealBoundedSemaphore):
    """``threading.BoundedSemaphore``, recorded."""

    _kind = "BoundedSemaphore"
