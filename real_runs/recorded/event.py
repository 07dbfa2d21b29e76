"""``Event``, recorded: set, clear, and waits that end.

It does not note who asks ``is_set``, which programs do in loops.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import now, request
from .condition import RealCondition
from .notes import Recording, note

RealEvent = threading.Event


class Event(RealEvent):
    """``threading.Event``, recorded; ``is_set`` is not an event of the trace."""

    _cond: RealCondition

    def __new__(cls) -> Any:
        if cls is Event and Recording.recorder.made_by_library(sys._getframe(1)):
            return RealEvent()
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self._recorder = Recording.recorder
        self._index = self._recorder.register_made(self, "Event", sys._getframe(1))

    def set(self) -> None:
        # Stamped under the event's own lock, so that set and clear of several threads are in their true order.
        with self._cond:
            note(self._recorder, Op.SET, self._index, now())
            self._flag = True
            self._cond.notify_all()

    def clear(self) -> None:
        with self._cond:
            note(self._recorder, Op.CLEAR, self._index, now())
            self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        seen = self.is_set()
        if not seen:
            request(recorder, log, self._index, "Event.wait", where, timeout is not None)
            try:
                seen = super().wait(timeout)
            finally:
                log.waiting = False
        log.add((log.index, Op.WAIT if seen else Op.TIMEOUT, int(seen), self._index, where, NOTHING, now()))
        return seen

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{__name__}.", "threading.", 1)
