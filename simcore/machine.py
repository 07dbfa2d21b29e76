"""The simulated machine: cores, run queue, time slice, context switch and the GIL, on SimPy's clock.

It moves runners (operating-system threads without a program) through time in integer nanoseconds; it does not know
locks, Python or traces. What it models and what it leaves out is said at :class:`Machine`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL

from .profile import IDEAL, Profile
from .trace import Op

RUNNING, READY, BLOCKED, GIL, SLEEPING, OUTSIDE = range(6)
"""Where a runner spends its time. ``OUTSIDE``: not started yet or ended."""
STATE_NAMES = ("running", "ready", "lock wait", "gil wait", "sleeping")

_ENTERED = (Op.RUN, Op.READY, Op.BLOCK, Op.GIL_REQUEST, Op.SLEEP, Op.END)


class Runner:
    """A simulated operating-system thread.

    ``time_in[state]`` is the time spent in each state up to ``since``. Invariants (tests/simcore/test_machine.py):
    ``core`` is None exactly when the state is not RUNNING; ``alarm`` is set exactly while a burst is burning.
    """

    __slots__ = (
        "alarm",
        "core",
        "done",
        "expired",
        "granted",
        "name",
        "needs_gil",
        "priority",
        "remaining_ns",
        "since",
        "slice_end",
        "slice_start",
        "spare",
        "state",
        "time_in",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = OUTSIDE
        self.since = 0
        self.time_in = [0, 0, 0, 0, 0, 0]
        self.core: int | None = None
        self.priority = 0
        """Who counts more than others runs before them (:meth:`Machine.prioritise`)."""
        self.remaining_ns = 0
        """What is left of the current burst."""
        self.needs_gil = False
        self.done: Callable[[Any], None] = _nothing_to_do
        """Called on the core when the burst is over, or after a wake-up, with the runner."""
        self.slice_start = 0
        self.slice_end = 0
        """When its time slice is used up."""
        self.expired = False
        self.granted = False
        """It was handed the GIL while off its core and has not run with it yet."""
        self.alarm: Alarm | None = None
        self.spare: Alarm | None = None

    def __repr__(self) -> str:
        state = "outside" if self.state == OUTSIDE else STATE_NAMES[self.state]
        return f"<Runner {self.name} {state}>"


def _nothing_to_do(runner: Runner) -> None:
    raise RuntimeError(f"{runner!r} came to its core with nothing to do; call burst() or block() first")


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


class Machine:
    """N cores, one FIFO run queue and, unless ``gil`` is False, one global interpreter lock.

    *Cores and slices.* A thread gets a core for ``profile.quantum_ns``. A thread that has used up its slice gives its
    core to the head of the queue. While nobody waits it keeps it; the first thread that becomes ready afterwards takes
    the core of whoever used up its slice first, and the others beyond theirs begin a new one. Taking a core from the
    queue costs ``profile.context_switch_ns`` of that core, counted as running; waking up on an idle core does not,
    since the measured hand-over contains it.

    *GIL* (after CPython's ceval_gil.c). A burst with ``gil=True`` needs it. It is released when its owner blocks,
    sleeps or burns a burst without GIL, but not when the owner loses its core. Who waits for it is off its core. After
    a release the first waiter wakes ``profile.gil_handover_ns`` later and takes it if nobody running was faster, else
    it waits again at the front. A thread that kept it ``profile.gil_switch_interval_ns`` while another waited hands it
    over directly (forced drop) and queues behind the others. Not modelled: other waiters' own time-outs while the GIL
    is free, and C calls that hold it too long to be asked.

    *Priorities* (after POSIX ``SCHED_RR``, from the first :meth:`prioritise` on). The run queue is ordered by priority,
    and by arrival among equals. Who becomes ready takes the core of the least important runner, if that one is less
    important; that one goes to the front of its equals. A used-up slice gives way to equals only. The GIL knows no
    priorities, as CPython's does not: it passes in order of arrival.

    Ties are broken by insertion order, so equal inputs give equal histories.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        cores: int,
        gil: bool = True,
        profile: Profile = IDEAL,
        listener: Callable[[int, Runner, Op], None] | None = None,
    ) -> None:
        if cores < 1:
            raise ValueError(f"cores is {cores}; a machine needs at least 1")
        if profile.quantum_ns < 1:
            raise ValueError(f"quantum_ns is {profile.quantum_ns}; a time slice must last at least 1 ns")
        if profile.gil_switch_interval_ns < 1:
            raise ValueError(f"gil_switch_interval_ns is {profile.gil_switch_interval_ns}; it must be at least 1")
        self.clock = clock
        self.cores = cores
        self.gil = gil
        self.profile = profile
        self.listener = listener
        """Told (time, runner, operation) at each change of state and of the GIL's owner."""
        self.slices = 0
        """Uninterrupted stretches of burning so far."""
        self.gil_owner: Runner | None = None
        self.gil_waiters: deque[Runner] = deque()
        self._tenure_start = 0
        self._drop_requested = False
        self._timer_set = False
        self._idle = list(range(cores - 1, -1, -1))
        self._queue: deque[Runner] = deque()
        """Invariant: empty while ``_idle`` is not (tests/simcore/test_machine.py)."""
        self._strict = False
        """Priorities are in force."""
        self._runners: list[Runner] = []
        """All that were started, for who is on a core when priorities decide."""
        self._expired: dict[Runner, None] = {}
        """Runners on a core with a used-up slice, longest first."""
        self._quantum_ns = profile.quantum_ns
        self._switch_ns = profile.context_switch_ns
        self._entries = clock.entries
        self._numbers = clock.numbers
        self._due = clock.due
        self._on_slice = self._slice_over
        self._on_wake = self._wake_over

    # What a program does.

    def burst(self, runner: Runner, duration_ns: int, gil: bool, done: Callable[[Any], None]) -> None:
        """Burn ``duration_ns`` of CPU time, then call ``done(runner)`` while the runner is still on its core."""
        if runner.state != RUNNING:
            raise RuntimeError(f"{runner!r} cannot compute; start() or wake() it first")
        runner.remaining_ns = duration_ns
        runner.needs_gil = gil and self.gil
        runner.done = done
        now = self.clock.now_ns
        if runner.needs_gil or self.gil_owner is runner:
            core = runner.core
            if not self._settle_gil(runner, now):
                assert core is not None
                self._fill(core, now, self._switch_ns)
                return
        self._burn(runner, now)

    def start(self, runner: Runner, delay_ns: int, done: Callable[[Any], None]) -> None:
        """Let a new runner become ready after ``delay_ns``; ``done(runner)`` is called on its first core."""
        runner.since = self.clock.now_ns
        runner.done = done
        self._runners.append(runner)
        self._wake_later(runner, delay_ns)

    def block(self, runner: Runner, done: Callable[[Any], None]) -> None:
        """Leave the core until :meth:`wake`; then ``done(runner)`` is called on a core."""
        self.leave(runner, BLOCKED, done)

    def leave(self, runner: Runner, state: int, done: Callable[[Any], None]) -> None:
        """Drop the GIL and the core and go on in ``state``; what :meth:`block`, :meth:`sleep` and :meth:`end` share."""
        core = runner.core
        if core is None:
            raise RuntimeError(f"{runner!r} is not on a core")
        now = self.clock.now_ns
        runner.done = done
        runner.remaining_ns = 0
        runner.needs_gil = False
        if self.gil_owner is runner:
            self._release_gil(runner, now)
        runner.core = None
        if runner.expired:
            runner.expired = False
            del self._expired[runner]
        runner.time_in[RUNNING] += now - runner.since
        runner.since = now
        runner.state = state
        if self.listener is not None:
            self.listener(now, runner, _ENTERED[state])
        self._fill(core, now, self._switch_ns)

    def wake(self, runner: Runner, delay_ns: int = 0) -> None:
        """Make a blocked runner ready after ``delay_ns``, during which it still counts as blocked."""
        if runner.state != BLOCKED:
            raise RuntimeError(f"{runner!r} is not blocked and cannot be woken")
        clock = self.clock
        alarm = runner.spare or self._new_alarm(runner)
        alarm.call = self._on_wake
        # Always by an event, so that whoever woke the runner has come to rest when it looks for a core.
        heappush(self._entries, (clock.now_ns + delay_ns, NORMAL, next(self._numbers), alarm))
        clock.pending += 1

    def sleep(self, runner: Runner, duration_ns: int, done: Callable[[Any], None]) -> None:
        """Leave the core for ``duration_ns``; 0 lets others go first, as ``sched_yield`` does."""
        if duration_ns == 0:
            self.give_way(runner, done)
            return
        self.leave(runner, SLEEPING, done)
        self._wake_later(runner, duration_ns)

    def give_way(self, runner: Runner, done: Callable[[Any], None]) -> None:
        """Drop the GIL and go to the end of the run queue."""
        now = self.clock.now_ns
        runner.done = done
        runner.remaining_ns = 0
        runner.needs_gil = False
        if self.gil_owner is runner:
            self._release_gil(runner, now)
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

    def prioritise(self, runner: Runner, priority: int) -> None:
        """Give the runner a new priority; it takes effect at once.

        The runner that calls gives way at its next burst, when somebody more important is ready.
        """
        if priority == runner.priority:
            return
        self._strict = True
        raised = priority > runner.priority
        runner.priority = priority
        now = self.clock.now_ns
        if runner in self._queue:
            self._queue.remove(runner)
            self._line_up(runner, first=raised)
            if raised:
                self._make_room(runner, now)
        elif runner.core is not None and self._queue and self._queue[0].priority > priority:
            self._give_up_slice(runner, now)

    def settle(self, runner: Runner) -> None:
        """Bring the runner's ``time_in`` up to the present."""
        now = self.clock.now_ns
        runner.time_in[runner.state] += now - runner.since
        runner.since = now

    # Cores.

    def _enter(self, runner: Runner, state: int, now: int) -> None:
        runner.time_in[runner.state] += now - runner.since
        runner.since = now
        runner.state = state
        if self.listener is not None:
            self.listener(now, runner, _ENTERED[state])

    def _off_core(self, runner: Runner) -> None:
        runner.core = None
        if runner.expired:
            runner.expired = False
            del self._expired[runner]

    def _line_up(self, runner: Runner, *, first: bool) -> None:
        """With priorities: into the queue, before or behind its equals."""
        queue = self._queue
        priority = runner.priority
        for place, other in enumerate(queue):
            if other.priority < priority or (first and other.priority == priority):
                queue.insert(place, runner)
                return
        queue.append(runner)

    def _make_room(self, runner: Runner, now: int) -> None:
        """With priorities: a ready runner takes the core of the least important one, or of an equal beyond its slice."""
        least = min(
            (other for other in self._runners if other.core is not None and not self._gives_way(other, runner, now)),
            key=lambda other: (other.priority, not other.expired),
            default=None,
        )
        if least is not None and (
            least.priority < runner.priority or (least.priority == runner.priority and least.expired)
        ):
            self._give_up_slice(least, now)

    @staticmethod
    def _gives_way(runner: Runner, other: Runner, now: int) -> bool:
        """Was it asked already to leave its core at its next burst, for somebody as important as ``other``?"""
        return runner.slice_end <= now and not runner.expired and runner.priority < other.priority

    def _give_up_slice(self, runner: Runner, now: int) -> None:
        """Off the core for the head of the queue: at once when in the middle of a burst, else at the next one."""
        if self._burning(runner, now):
            self._interrupt(runner, now)
            self._preempt(runner, now, first=not runner.expired)
        else:
            runner.slice_end = now

    def _take_from_expired(self, now: int) -> None:
        """The longest beyond its slice gives way, at once or at its next burst; the others begin a new slice."""
        longest, *others = self._expired
        for holder in others:
            del self._expired[holder]
            holder.expired = False
            holder.slice_end = now + self._quantum_ns
            if self._burning(holder, now):
                self._interrupt(holder, now)
                self._burn(holder, now)
        if self._burning(longest, now):
            self._interrupt(longest, now)
            self._preempt(longest, now)

    @staticmethod
    def _burning(runner: Runner, now: int) -> bool:
        """In the middle of a burst, not at its very end or between two."""
        return runner.alarm is not None and runner.slice_start + runner.remaining_ns > now

    def _fill(self, core: int, now: int, switch_ns: int) -> None:
        """Give a free core to the first in the queue that can use it; others go on to wait for the GIL."""
        queue = self._queue
        while queue:
            runner = queue.popleft()
            runner.time_in[READY] += now - runner.since
            runner.since = now
            runner.state = RUNNING
            if self.listener is not None:
                self.listener(now, runner, Op.RUN)
            runner.core = core
            runner.remaining_ns += switch_ns
            runner.slice_end = now + switch_ns + self._quantum_ns
            if not (runner.needs_gil or self.gil_owner is runner) or self._settle_gil(runner, now):
                self._burn(runner, now)
                return
        self._idle.append(core)
        self.clock.pending -= 1

    def _burn(self, runner: Runner, now: int) -> None:
        """Burn up to the end of the burst or of the slice, or give way when the slice is over and somebody waits."""
        burn_ns = runner.remaining_ns
        left_ns = runner.slice_end - now
        if left_ns < burn_ns and burn_ns:
            if left_ns > 0:
                burn_ns = left_ns
            elif self._queue and self._queue[0].priority >= runner.priority:
                self._preempt(runner, now, first=self._queue[0].priority > runner.priority)
                return
            elif not runner.expired:
                runner.expired = True
                self._expired[runner] = None
        runner.slice_start = now
        alarm = runner.alarm = runner.spare or self._new_alarm(runner)
        alarm.call = self._on_slice
        if burn_ns:
            self.slices += 1
            heappush(self._entries, (now + burn_ns, NORMAL, next(self._numbers), alarm))
        else:
            self._due.append(alarm)

    def _new_alarm(self, runner: Runner) -> Alarm:
        """The runner's own alarm: it has at most one on its way, which is used again until it has to be cancelled."""
        runner.spare = Alarm(self._on_slice, runner)
        return runner.spare

    def _slice_over(self, alarm: Alarm) -> None:
        runner: Runner | None = alarm.concern
        if runner is None:
            return
        runner.alarm = None
        now = self.clock.now_ns
        runner.remaining_ns -= now - runner.slice_start
        if runner.remaining_ns:
            self._burn(runner, now)
        else:
            done = runner.done
            done(runner)

    def _interrupt(self, runner: Runner, now: int) -> None:
        """Stop burning in the middle of a slice."""
        alarm = runner.alarm
        assert alarm is not None
        alarm.concern = runner.alarm = runner.spare = None
        runner.remaining_ns -= now - runner.slice_start

    def _preempt(self, runner: Runner, now: int, *, first: bool = False) -> None:
        core = runner.core
        assert core is not None
        runner.core = None
        if runner.expired:
            runner.expired = False
            del self._expired[runner]
        runner.time_in[RUNNING] += now - runner.since
        runner.since = now
        runner.state = READY
        if self.listener is not None:
            self.listener(now, runner, Op.PREEMPT)
        if self._strict:
            self._line_up(runner, first=first)
        else:
            self._queue.append(runner)
        self._fill(core, now, self._switch_ns)

    # Waking up.

    def _wake_later(self, runner: Runner, delay_ns: int) -> None:
        alarm = runner.spare or self._new_alarm(runner)
        alarm.call = self._on_wake
        self.clock.alarm(alarm, delay_ns)
        self.clock.pending += 1

    def _wake_over(self, alarm: Alarm) -> None:
        """Ready: onto an idle core, else into the queue."""
        runner: Runner = alarm.concern
        clock = self.clock
        now = clock.now_ns
        runner.time_in[runner.state] += now - runner.since
        runner.since = now
        runner.state = READY
        if self.listener is not None:
            self.listener(now, runner, Op.READY)
        if self._strict:
            self._line_up(runner, first=False)
        else:
            self._queue.append(runner)
        if self._idle:
            # What was pending as a wake-up is pending as a busy core now.
            self._fill(self._idle.pop(), now, 0)
        else:
            clock.pending -= 1
            if self._strict:
                self._make_room(runner, now)
            elif self._expired:
                self._take_from_expired(now)

    def _timer_over(self, alarm: Alarm) -> None:
        call = alarm.concern
        if call is not None:
            alarm.concern = None
            self.clock.pending -= 1
            call()

    # The GIL.

    def _settle_gil(self, runner: Runner, now: int) -> bool:
        """Take or release the GIL as the burst demands; False when the runner has to wait and has left its core."""
        owner = self.gil_owner
        if not runner.needs_gil:
            if owner is runner and not runner.granted:
                self._release_gil(runner, now)
            return True
        if owner is runner:
            if runner.granted:
                runner.granted = False
                self._take_gil(runner, now)
            elif self._drop_requested:
                self._off_core(runner)
                self._hand_over_gil(runner, now)
                return False
            return True
        if owner is None:
            self._take_gil(runner, now)
            return True
        self._off_core(runner)
        beaten = runner.granted
        runner.granted = False
        self._enter(runner, GIL, now)
        if beaten:
            self.gil_waiters.appendleft(runner)
        else:
            self.gil_waiters.append(runner)
        self._set_gil_timer(now)
        return False

    def _take_gil(self, runner: Runner, now: int) -> None:
        runner.granted = False
        self.gil_owner = runner
        self._tenure_start = now
        self._drop_requested = False
        if self.listener is not None:
            self.listener(now, runner, Op.GIL_ACQUIRE)
        if self.gil_waiters:
            self._set_gil_timer(now)

    def _release_gil(self, runner: Runner, now: int) -> None:
        self.gil_owner = None
        self._drop_requested = False
        if self.listener is not None:
            self.listener(now, runner, Op.GIL_RELEASE)
        if self.gil_waiters:
            waiter = self.gil_waiters.popleft()
            waiter.granted = True
            self._wake_later(waiter, self.profile.gil_handover_ns)

    def _hand_over_gil(self, runner: Runner, now: int) -> None:
        """The forced drop: the first waiter owns it from now on, the former owner (off its core) waits again."""
        if self.listener is not None:
            self.listener(now, runner, Op.GIL_RELEASE)
        waiter = self.gil_waiters.popleft()
        waiter.granted = True
        self.gil_owner = waiter
        self._drop_requested = False
        self._enter(runner, GIL, now)
        self.gil_waiters.append(runner)
        self._wake_later(waiter, self.profile.gil_handover_ns)

    def _set_gil_timer(self, now: int) -> None:
        """One timer for all waiters; it is not moved when the GIL changes hands but looks again when it goes off."""
        if not self._timer_set and not self._drop_requested:
            self._timer_set = True
            self.clock.alarm(Alarm(self._gil_timer_over, self), max(self._drop_due() - now, 0))

    def _drop_due(self) -> int:
        """When the owner must let go: it had the GIL, and the first waiter waited, for one switch interval."""
        return max(self._tenure_start, self.gil_waiters[0].since) + self.profile.gil_switch_interval_ns

    def _gil_timer_over(self, alarm: Alarm) -> None:
        self._timer_set = False
        owner = self.gil_owner
        if owner is None or not self.gil_waiters or owner.granted:
            return
        now = self.clock.now_ns
        if now < self._drop_due():
            self._set_gil_timer(now)
        elif not self._burning(owner, now):
            self._drop_requested = True
        else:
            core = owner.core
            assert core is not None
            self._interrupt(owner, now)
            self._off_core(owner)
            self._hand_over_gil(owner, now)
            self._fill(core, now, self._switch_ns)
