"""``Semaphore`` and ``BoundedSemaphore``, recorded: a note a permit taken or given.

The counting is the real class's; nothing here knows how many permits are left.
"""

from __future__ import annotations

import threading
from types import FrameType
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import request
from ..thread_log import now
from .condition import InnerCondition
from .notes import Marks, Recording, getframe

RealSemaphore = threading.Semaphore
RealBoundedSemaphore = threading.BoundedSemaphore
_END_OF_WITH = RealSemaphore.__exit__.__code__
"""Calls ``release``; looked through here, which is cheaper than as any code of the library's."""


class Semaphore(RealSemaphore):
    """``threading.Semaphore``, recorded."""

    _kind = "Semaphore"
    # Found faster on the class than by super().
    _acquire_really = RealSemaphore.acquire
    _release_really = RealSemaphore.release

    def __new__(cls, value: int = 1) -> Any:
        if cls in (Semaphore, BoundedSemaphore) and Recording.recorder.places.made_by_library(getframe(1)):
            return (RealSemaphore if cls is Semaphore else RealBoundedSemaphore)(value)
        return super().__new__(cls)

    def __init__(self, value: int = 1) -> None:
        if isinstance(self, RealBoundedSemaphore) and Recording.recorder.places.made_by_library(getframe(1)):
            # CPython's bounded one calls its base by name, and finds us under that name.
            RealSemaphore.__init__(self, value)
            return
        super().__init__(value)
        self._cond = InnerCondition()
        self._recorder = Recording.recorder
        self._index = self._recorder.register_made(self, self._kind, getframe(1), capacity=value)
        self._acquires = Marks(self._recorder, Op.ACQUIRE, self._index, outcome=1)
        self._releases = Marks(self._recorder, Op.RELEASE, self._index)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        frame = getframe(1)
        if blocking and timeout is None and self._acquire_really(False):
            time_ns = now()
            self._recorder.here.put((self._acquires.at(frame), time_ns))
            return True
        return self._acquire_slowly(blocking, timeout, frame)

    __enter__ = acquire  # pyright: ignore[reportAssignmentType]

    def _acquire_slowly(self, blocking: bool, timeout: float | None, frame: FrameType) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(frame)
        got = self._acquire_really(False) if blocking else self._acquire_really(False, timeout)
        if blocking and not got:
            request(recorder, log, self._index, f"{self._kind}.acquire", where, timeout is not None)
            try:
                got = self._acquire_really(True, timeout)
            finally:
                log.waiting = False
        time_ns = now()
        extra = NOTHING
        if got and (timeout is not None or not blocking):  # it could not have waited for ever
            how = "timed" if blocking else "try"
            extra = recorder.extra(("blocking", how), {"blocking": how})
        operation = Op.ACQUIRE if got else Op.ACQUIRE_FAILED
        log.add((log.index, operation, int(got), self._index, where, extra, time_ns))
        return got

    def release(self, n: int = 1) -> None:
        frame = getframe(1)
        if frame.f_code is _END_OF_WITH:
            frame = frame.f_back or frame
        mark = self._releases.at(frame)
        time_ns = now()
        self._release_really(n)
        self._recorder.here.put((mark, time_ns) * n)

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{__name__}.", "threading.", 1)


class BoundedSemaphore(Semaphore, RealBoundedSemaphore):
    """``threading.BoundedSemaphore``, recorded."""

    _kind = "BoundedSemaphore"
    _release_really = RealBoundedSemaphore.release
