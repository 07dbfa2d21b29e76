"""``Barrier``, recorded: who arrives and who departs, in which place.

Its phases are the real class's affair.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..thread_log import now
from .notes import Recording, getframe, note

RealBarrier = threading.Barrier


class Barrier(RealBarrier):
    """``threading.Barrier``, recorded: an ``arrive`` without its ``depart`` is a thread that waits there."""

    def __new__(cls, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> Any:
        if cls is Barrier and Recording.recorder.places.made_by_library(getframe(1)):
            return RealBarrier(parties, action, timeout)
        return super().__new__(cls)

    def __init__(self, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> None:
        super().__init__(parties, None if action is None else self._noted(action), timeout)
        self._recorder = Recording.recorder
        self._limited = timeout is not None
        self._index = self._recorder.register_made(self, "Barrier", getframe(1), capacity=parties)

    def _noted(self, action: Callable[[], None]) -> Callable[[], None]:
        """The action between two notes: it has seen all arrivals, and everybody leaves after it."""

        def act() -> None:
            note(self._recorder, Op.ATOMIC, self._index, now())
            action()
            note(self._recorder, Op.ATOMIC, self._index, now())

        return act

    def wait(self, timeout: float | None = None) -> int:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(getframe(1))
        log.add((log.index, Op.ARRIVE, 0, self._index, where, NOTHING, now()))
        log.waiting = timeout is None and not self._limited
        try:
            place = super().wait(timeout)
        except threading.BrokenBarrierError:
            log.add((log.index, Op.DEPART, -1, self._index, where, recorder.extra("broken", {"broken": True}), now()))
            raise
        finally:
            log.waiting = False
        log.add((log.index, Op.DEPART, place, self._index, where, NOTHING, now()))
        return place

    def abort(self) -> None:
        note(self._recorder, Op.ABORT, self._index, now())
        super().abort()

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{__name__}.", "threading.", 1)
