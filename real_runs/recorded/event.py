"""``Event``, recorded: set, clear, and waits that end.

It does not note who asks ``is_set``, which programs do in loops.
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

RealEvent = threading.Event


class Event(RealEvent):
    """``threading.Event``, recorded; ``is_set`` is not an event of the trace."""

    _flag: bool

    def __new__(cls) -> Any:
        if cls is Event and Recording.recorder.places.made_by_library(getframe(1)):
            return RealEvent()
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self._cond = InnerCondition()
        self._recorder = Recording.recorder
        self._index = self._recorder.register_made(self, "Event", getframe(1))
        self._sets = Marks(self._recorder, Op.SET, self._index)
        self._clears = Marks(self._recorder, Op.CLEAR, self._index)
        self._waits = Marks(self._recorder, Op.WAIT, self._index, outcome=1)

    def set(self) -> None:
        mark = self._sets.at(getframe(1))
        # Stamped under the event's own lock, so that set and clear of several threads are in their true order.
        with self._cond:
            self._recorder.here.put((mark, now()))
            self._flag = True
            self._cond.notify_all()

    def clear(self) -> None:
        mark = self._clears.at(getframe(1))
        with self._cond:
            self._recorder.here.put((mark, now()))
            self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        frame = getframe(1)
        if self._flag or self._wait(timeout, frame):
            self._recorder.here.put((self._waits.at(frame), now()))
            return True
        return False

    def _wait(self, timeout: float | None, frame: FrameType) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(frame)
        request(recorder, log, self._index, "Event.wait", where, timeout is not None)
        try:
            seen = super().wait(timeout)
        finally:
            log.waiting = False
        if not seen:
            log.add((log.index, Op.TIMEOUT, 0, self._index, where, NOTHING, now()))
        return seen

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{__name__}.", "threading.", 1)
