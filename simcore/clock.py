"""Virtual time: SimPy's environment in integer nanoseconds, with a short way for bare alarms.

It knows events and their order, and nothing of threads or cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL


class Alarm:
    """A bare event of the :class:`Clock`: whom to call, and about what (None once it is cancelled)."""

    __slots__ = ("call", "concern")

    def __init__(self, call: Callable[[Alarm], None], concern: Any) -> None:
        self.call = call
        self.concern = concern


class Clock(simpy.Environment):
    """SimPy's environment in integer nanoseconds, with a short way for :class:`Alarm`s.

    Processes, resources and events of SimPy work as ever and share one queue and one order of ties with the alarms.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self.now_ns = 0
        """The time; SimPy's ``now`` says the same, typed as a float too."""
        self.pending = 0
        """Busy cores, wake-ups and timers on their way: 0 with unfinished runners means that they wait for ever."""
        self.halted = False
        """Set it to leave :meth:`run_while_pending`."""
        self.due: deque[Alarm] = deque()
        """Alarms that go off before anything else does, without any time passing: the heap would only cost time."""
        self.entries: list[Any] = self._queue
        """SimPy's heap of (time, priority, number, event), with :attr:`numbers` for the third: for the hot path."""
        self.numbers = self._eid

    def alarm(self, alarm: Alarm, delay_ns: int) -> None:
        heappush(self.entries, (self.now_ns + delay_ns, NORMAL, next(self.numbers), alarm))

    def run_while_pending(self) -> None:
        """Process events until nothing is pending or ``halted`` is set."""
        entries = self.entries
        due = self.due
        while self.pending and not self.halted:
            if due:
                event = due.popleft()
                call = event.call
                call(event)
                continue
            entry = heappop(entries)
            self._now = self.now_ns = entry[0]
            event = entry[3]
            if event.__class__ is Alarm:
                # Two steps, since CPython cannot specialise calling an attribute as if it were a method.
                call = event.call
                call(event)
            else:
                heappush(entries, entry)
                super().step()

    def step(self) -> None:
        """Process the next event.

        Raises:
            simpy.core.EmptySchedule: there is none.
        """
        if self.due:
            alarm = self.due.popleft()
            alarm.call(alarm)
            return
        if not self.entries:
            raise EmptySchedule
        entry = self.entries[0]
        self._now = self.now_ns = entry[0]
        event = entry[3]
        if event.__class__ is Alarm:
            heappop(self.entries)
            event.call(event)
        else:
            super().step()
