"""The simulated machine: cores, run queue, time slice, context switch and priorities, on SimPy's clock.

It moves runners (operating-system threads without a program) through time in integer nanoseconds; it does not know
locks, Python or traces. What it models and what it leaves out is said at :class:`Machine`, and in the rooms of its
parts: gil, rates, placement, ranks, devices.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

from simpy.events import NORMAL

from . import ranks
from .clock import Alarm, Clock
from .cores import Cores
from .devices import Device
from .runner import BLOCKED, ENTERED, GIL, MEM, NOGIL, OUTSIDE, PY, READY, RUNNING, SLEEPING, STATE_NAMES, Runner
from .runner import nothing_to_do as _nothing_to_do

__all__ = [
    "BLOCKED",
    "GIL",
    "MEM",
    "NOGIL",
    "OUTSIDE",
    "PY",
    "READY",
    "RUNNING",
    "SLEEPING",
    "STATE_NAMES",
    "Alarm",
    "Clock",
    "Device",
    "Machine",
    "Runner",
]


class Machine(Cores):
    """N cores, one FIFO run queue and, unless ``gil`` is False, one global interpreter lock (:class:`Gil`).

    *Cores and slices.* A thread gets a core for ``profile.quantum_ns``. A thread that has used up its slice gives its
    core to the head of the queue. While nobody waits it keeps it; the first thread that becomes ready afterwards takes
    the core of whoever used up its slice first, and the others beyond theirs begin a new one. Taking a core from the
    queue costs ``profile.context_switch_ns`` of that core, counted as running; waking up on an idle core does not,
    since the measured hand-over contains it.

    *Speed.* A burst lasts as long as it says, unless the profile has unequal cores, hardware threads, a co-run factor
    or a bandwidth curve: then :class:`Fluid` says how fast it burns. A context switch burns like anything else.

    *Nice levels.* A turn of level n lasts ``quantum_ns`` times its weight over that of level 0, so that threads that
    compute all the time share a core by the kernel's weights, as under CFS; every turn in a round is a slice, so a
    share is off by one slice at most. Not modelled: that CFS lets a thread that slept run first.

    *Priorities* (after POSIX ``SCHED_RR``, from the first :meth:`prioritise` on). The run queue is ordered by priority,
    and by arrival among equals. Who becomes ready takes the core of the least important runner, if that one is less
    important; that one goes to the front of its equals. A used-up slice gives way to equals only. *Real-time* runners
    (``SCHED_FIFO``) are more important than all others, and their slice never ends.

    *Free threading.* Without ``gil`` nobody waits for it. Contention on the reference counts and the internal locks of
    objects that threads share is not modelled; ``profile.free_threading_slowdown`` is up to the caller.

    Ties are broken by insertion order, so equal inputs give equal histories.
    """

    # What a program does.

    def start(self, runner: Runner, delay_ns: int, done: Callable[[Any], None]) -> None:
        """Let a new runner become ready after ``delay_ns``; ``done(runner)`` is called on its first core."""
        runner.since = self.clock.now_ns
        runner.done = done
        runner.slice_ns = ranks.slice_ns(self.profile.quantum_ns, runner.nice, runner.realtime)
        runner.alarm = Alarm(self._on_stretch, runner)
        runner.waking = Alarm(self._on_wake, runner)
        self.wake_later(runner, delay_ns)

    def burst(self, runner: Runner, duration_ns: int, kind: int, done: Callable[[Any], None]) -> None:
        """Burn ``duration_ns`` of CPU time, then call ``done(runner)`` while the runner is still on its core.

        ``kind`` is ``NOGIL``, ``PY`` or ``MEM``.
        """
        if runner.state != RUNNING:
            raise RuntimeError(f"{runner!r} cannot compute; start() or wake() it first")
        runner.kind = kind
        runner.done = done
        now = self.clock.now_ns
        gil = self.gil
        if gil is None and self._fluid is None and duration_ns and now < runner.slice_end:
            # What burn() would do, without the call.
            until = now + duration_ns
            if until > runner.slice_end:
                runner.remaining_ns = until - runner.slice_end
                until = runner.slice_end
            self.slices += 1
            runner.until = until
            heappush(self._entries, (until, NORMAL, next(self._numbers), runner.alarm))
            return
        runner.remaining_ns = duration_ns
        if gil is not None and (kind == PY or gil.owner is runner) and not gil.settle(runner, now):
            self.fill(runner.core, now)
            return
        self.burn(runner, now)

    def burst_at_once(self, runner: Runner, duration_ns: int, kind: int) -> bool:
        """Do a whole burst now, if nothing else happens before its end: then it is over, the runner is on its core, and
        nobody is called. False leaves everything as it was, for :meth:`burst`.

        It saves two greenlet switches and an event where one thread computes alone for a while.
        """
        gil = self.gil
        if self._due or self._fluid is not None or not (gil is None or gil.is_settled(runner, kind)):
            return False
        if not duration_ns:
            return True
        clock = self.clock
        now = clock.now_ns
        until = now + duration_ns
        if self._entries and self._entries[0][0] <= until:
            return False
        if until > runner.slice_end:
            if self.queue:
                return False
            if not runner.expired:
                runner.expired = True
                self._expired[runner] = None
                self.slices += runner.slice_end > now
        self.slices += 1
        clock._now = clock.now_ns = runner.until = until
        return True

    def block(self, runner: Runner, done: Callable[[Any], None]) -> None:
        """Leave the core until :meth:`wake`; then ``done(runner)`` is called on a core."""
        self.leave(runner, BLOCKED, done)

    def leave(self, runner: Runner, state: int, done: Callable[[Any], None]) -> None:
        """Drop the GIL and the core and go on in ``state``; what :meth:`block`, :meth:`sleep` and :meth:`end` share."""
        if runner.state != RUNNING:
            raise RuntimeError(f"{runner!r} is not on a core")
        now = self.clock.now_ns
        runner.done = done
        runner.remaining_ns = 0
        runner.kind = NOGIL
        gil = self.gil
        if gil is not None and gil.owner is runner:
            gil.release(runner, now)
        if runner.expired:
            self.retire(runner)
        runner.time_in[RUNNING] += now - runner.since
        runner.since = now
        runner.state = state
        if self.listener is not None:
            self.listener(now, runner, ENTERED[state])
        if self.queue:
            self._dispatch(runner.core, now, self._switch_ns)
        else:
            self._rest(runner.core)

    def wake(self, runner: Runner, delay_ns: int = 0) -> None:
        """Make a blocked runner ready after ``delay_ns``, during which it still counts as blocked."""
        if runner.state != BLOCKED:
            raise RuntimeError(f"{runner!r} is not blocked and cannot be woken")
        clock = self.clock
        # Always by an event, so that whoever woke the runner has come to rest when it looks for a core.
        heappush(self._entries, (clock.now_ns + delay_ns, NORMAL, next(self._numbers), runner.waking))
        clock.pending += 1

    def handover_ns(self, runner: Runner, waker: Runner | None) -> int:
        """What it takes to wake the blocked ``runner`` now, by where it will go on: on an idle core, on the core that it
        left last and that its waker has, or on another one that is busy."""
        profile = self.profile
        cost_ns: int | None = None
        if self.idle:
            cost_ns = profile.handover_idle_core_ns
        elif waker is not None and waker.core == runner.core:
            cost_ns = profile.handover_same_core_ns
        return profile.handover_ns if cost_ns is None else cost_ns

    def sleep(self, runner: Runner, duration_ns: int, done: Callable[[Any], None]) -> None:
        """Leave the core for ``duration_ns``; 0 lets others go first, as ``sched_yield`` does."""
        if duration_ns == 0:
            self.give_way(runner, done)
            return
        self.leave(runner, SLEEPING, done)
        self.wake_later(runner, duration_ns)

    def io(self, runner: Runner, device: Device, duration_ns: int, done: Callable[[Any], None]) -> None:
        """Leave the core until ``device`` has served the runner for ``duration_ns``; waiting for its turn and the
        service count as sleeping."""
        self.leave(runner, SLEEPING, done)
        if device.admit(runner, duration_ns):
            self._serve(device, runner, duration_ns)

    def give_way(self, runner: Runner, done: Callable[[Any], None]) -> None:
        """Drop the GIL and go to the end of the run queue."""
        now = self.clock.now_ns
        runner.done = done
        runner.remaining_ns = 0
        runner.kind = NOGIL
        gil = self.gil
        if gil is not None and gil.owner is runner:
            gil.release(runner, now)
        self._preempt(runner, now)

    def end(self, runner: Runner) -> None:
        """The runner is finished."""
        self.leave(runner, OUTSIDE, _nothing_to_do)

    def timer(self, delay_ns: int, call: Callable[[], None]) -> Alarm:
        """Call back after ``delay_ns`` unless :meth:`cancel`led."""
        alarm = Alarm(self._timer_over, call)
        self.clock.alarm(alarm, delay_ns)
        self.clock.pending += 1
        return alarm

    def cancel(self, alarm: Alarm) -> None:
        """Make an alarm that has not gone off ineffective."""
        if alarm.concern is not None:
            alarm.concern = None
            self.clock.pending -= 1

    def prioritise(
        self, runner: Runner, priority: int, *, nice: int | None = None, realtime: bool | None = None
    ) -> None:
        """Give the runner a new priority, and a nice level or a place in the real-time class where they are given.

        A priority takes effect at once, on a running runner that calls at its next burst, when somebody more important
        is ready; a nice level with the next slice.

        Raises:
            ValueError: ``nice`` is not from -20 to 19.
        """
        nice = runner.nice if nice is None else nice
        realtime = runner.realtime if realtime is None else realtime
        if nice != runner.nice or realtime is not runner.realtime:
            self._reclassify(runner, nice, realtime)
        runner.priority = priority
        rank = ranks.rank(priority, runner.realtime)
        if rank == runner.rank:
            return
        self._strict = True
        if self._balance_ns:
            self._even_out_at_once(self.clock.now_ns)
        raised = rank > runner.rank
        runner.rank = rank
        now = self.clock.now_ns
        if runner.state == READY:
            self.queue.remove(runner)
            self._line_up(runner, first=raised)
            if raised:
                self._make_room(runner, now)
        elif runner.state == RUNNING and self.queue and self.queue[0].rank > rank:
            self._give_up_slice(runner, now)

    def _reclassify(self, runner: Runner, nice: int, realtime: bool) -> None:
        runner.slice_ns = ranks.slice_ns(self.profile.quantum_ns, nice, realtime)
        runner.nice = nice
        if realtime != runner.realtime:
            runner.realtime = realtime
            if runner.state == RUNNING:
                self.retire(runner)
                runner.slice_end = self.clock.now_ns + runner.slice_ns

    def settle(self, runner: Runner) -> None:
        """Bring the runner's ``time_in`` up to the present."""
        now = self.clock.now_ns
        runner.time_in[runner.state] += now - runner.since
        runner.since = now

    # Timers and devices.

    def _timer_over(self, alarm: Alarm) -> None:
        call = alarm.concern
        if call is not None:
            alarm.concern = None
            self.clock.pending -= 1
            call()

    def _serve(self, device: Device, runner: Runner, duration_ns: int) -> None:
        self.clock.alarm(Alarm(self._served, (device, runner)), duration_ns)
        self.clock.pending += 1

    def _served(self, alarm: Alarm) -> None:
        device, runner = alarm.concern
        following = device.free()
        if following is not None:
            self._serve(device, *following)
        self._wake_over(runner.waking)
