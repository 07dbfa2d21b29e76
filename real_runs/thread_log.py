"""The events of one thread, as pairs of numbers in a list: the way into a recording, made to be short.

It knows how an event becomes two numbers; what they stand for is in the tables of the recorder.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable

from ..simcore.trace import NOTHING

Row = tuple[int, int, int, int, int, int, int]
"""Thread, operation, outcome, object, location, extra, time: a trace row, its time not yet relative to the start."""

now = time.perf_counter_ns
FORM_BITS = 32
"""A mark is an object's index above so many bits, and a form's index in them."""


class ThreadLog:
    """The events of one thread; only that thread appends, only the file removes from the front.

    An event is its mark and its time. A *form* is what the events of one operation at one place have in common (operation,
    outcome, location, extra), and a *mark* is a form with an object: :meth:`Recorder.mark`.

    ``waiting`` is true while the thread is blocked without a time limit, ``idle`` while a pool's worker has no task,
    ``ended`` after its last event: what :meth:`Recorder.stuck` reads from outside.
    """

    __slots__ = (
        "_form",
        "ended",
        "ident",
        "idle",
        "index",
        "pool",
        "put",
        "requested",
        "stamped",
        "waiting",
        "worker",
    )

    def __init__(self, index: int, form: Callable[[int, int, int, int], int]) -> None:
        self.index = index
        self.ident = _thread.get_ident()
        self.stamped: list[int] = []
        """Marks and times in turn."""
        # Takes an event (or several) at once, so that a finalizer or signal handler that logs, too, cannot come in between.
        self.put: Callable[[tuple[int, ...]], None] = self.stamped.extend
        self._form = form
        self.waiting = False
        self.requested = NOTHING
        """The object of a request already logged, while a queue's loop waits several times for one operation."""
        self.pool = NOTHING
        """The pool object whose ``submit`` this thread is in."""
        self.worker = False
        self.idle = False
        self.ended = False

    def add(self, row: Row) -> None:
        """Log an event that is not frequent enough for its mark to be kept; its thread is this one."""
        _, operation, outcome, target, location, extra, time_ns = row
        self.put((target << FORM_BITS | self._form(operation, location, outcome, extra), time_ns))

    def discard(self) -> None:
        """Throw away what is logged from now on."""
        self.put = _discard


def _discard(_: tuple[int, ...]) -> None:
    return
