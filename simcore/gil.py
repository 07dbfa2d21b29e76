"""The global interpreter lock of a simulated machine (after CPython's ceval_gil.c).

It decides who may run Python and when it has to stop; cores and slices are the machine's business.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .clock import Alarm
from .runner import GIL, PY, Runner
from .trace import Op

if TYPE_CHECKING:
    from .cores import Cores


class Gil:
    """One owner, and waiters in order of arrival.

    *Request.* A burst of kind ``PY`` needs the GIL. Who has to wait for it is off its core. It is released when its
    owner blocks, sleeps or burns anything else, but not when the owner loses its core.

    *Hand-over.* After a release the first waiter wakes ``profile.gil_handover_ns`` later and takes it if nobody running
    was faster, else it waits again at the front.

    *Forced drop.* Who kept it ``profile.gil_switch_interval_ns`` while another waited hands it over directly and queues
    behind the others; only in the middle of a ``PY`` burst, as the interpreter looks for requests between bytecodes.

    *Thrash.* A burst without the GIL right after one with it costs ``profile.gil_release_ns`` more, and
    ``profile.gil_contended_ns`` on top while others wait. Who blocks does not pay it: the measured hand-over has it.

    Not modelled: other waiters' own time-outs while the GIL is free, and C calls that hold it too long to be asked. It
    knows no priorities, as CPython's does not.
    """

    def __init__(self, machine: Cores) -> None:
        self.machine = machine
        self.owner: Runner | None = None
        self.waiters: deque[Runner] = deque()
        profile = machine.profile
        self._interval_ns = profile.gil_switch_interval_ns
        self._handover_ns = profile.gil_handover_ns
        self._release_ns = profile.gil_release_ns
        self._contended_ns = profile.gil_contended_ns
        self._tenure_start = 0
        self._drop_requested = False
        self._timer_set = False

    def is_settled(self, runner: Runner, kind: int) -> bool:
        """Could the runner, on its core, begin a burst of this kind without taking, releasing or handing over?"""
        return (self.owner is runner and not self._drop_requested) if kind == PY else self.owner is not runner

    def settle(self, runner: Runner, now: int) -> bool:
        """Take or release it as the burst demands; False when the runner has to wait and has left its core."""
        owner = self.owner
        if runner.kind != PY:
            if owner is runner:
                if runner.remaining_ns:
                    runner.remaining_ns += self._release_ns + (self._contended_ns if self.waiters else 0)
                self.release(runner, now)
            return True
        if owner is runner:
            if runner.granted:
                self._take(runner, now)
            elif self._drop_requested:
                self.machine.retire(runner)
                self._hand_over(runner, now)
                return False
            return True
        if owner is None:
            self._take(runner, now)
            return True
        machine = self.machine
        machine.retire(runner)
        beaten = runner.granted
        runner.granted = False
        machine.enter(runner, GIL, now)
        if beaten:
            self.waiters.appendleft(runner)
        else:
            self.waiters.append(runner)
        self._set_timer(now)
        return False

    def release(self, runner: Runner, now: int) -> None:
        """Its owner lets go, and the first waiter is on its way."""
        self.owner = None
        self._drop_requested = False
        machine = self.machine
        if machine.listener is not None:
            machine.listener(now, runner, Op.GIL_RELEASE)
        if self.waiters:
            self._grant(self.waiters.popleft())

    def _take(self, runner: Runner, now: int) -> None:
        runner.granted = False
        self.owner = runner
        self._tenure_start = now
        self._drop_requested = False
        listener = self.machine.listener
        if listener is not None:
            listener(now, runner, Op.GIL_ACQUIRE)
        if self.waiters:
            self._set_timer(now)

    def _grant(self, waiter: Runner) -> None:
        waiter.granted = True
        self.machine.wake_later(waiter, self._handover_ns)

    def _hand_over(self, runner: Runner, now: int) -> None:
        """The forced drop: the first waiter owns it from now on, the former owner (off its core) waits again."""
        machine = self.machine
        if machine.listener is not None:
            machine.listener(now, runner, Op.GIL_RELEASE)
        waiter = self.owner = self.waiters.popleft()
        self._drop_requested = False
        machine.enter(runner, GIL, now)
        self.waiters.append(runner)
        self._grant(waiter)

    def _set_timer(self, now: int) -> None:
        """One timer for all waiters; it is not moved when the GIL changes hands but looks again when it goes off."""
        if not self._timer_set and not self._drop_requested:
            self._timer_set = True
            self.machine.clock.alarm(Alarm(self._timer_over, self), max(self._drop_due() - now, 0))

    def _drop_due(self) -> int:
        """When the owner must let go: it had the GIL, and the first waiter waited, for one switch interval."""
        return max(self._tenure_start, self.waiters[0].since) + self._interval_ns

    def _timer_over(self, alarm: Alarm) -> None:
        self._timer_set = False
        owner = self.owner
        if owner is None or not self.waiters or owner.granted:
            return
        machine = self.machine
        now = machine.clock.now_ns
        if now < self._drop_due():
            self._set_timer(now)
        elif not machine.is_burning(owner, now):
            self._drop_requested = True
        else:
            machine.interrupt(owner, now)
            machine.retire(owner)
            self._hand_over(owner, now)
            machine.fill(owner.core, now)
